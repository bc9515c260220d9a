"""`python -m service.api`: the OpenAPI document on standard output, as docs/openapi.json has it."""

from service.api.openapi import text

if __name__ == "__main__":
    print(text(), end="")
