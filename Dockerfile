# Three images of one source: `service` runs the detector and has no torch; `console` has the browser's pages beside it;
# `training` fits and exports models.
#
#   docker build --target service  --tag gruard:local .
#   docker build --target console  --tag gruard-console:local .
#   docker build --target training --tag gruard-training:local .
#
# Written for the classic builder as well as BuildKit. pip asks the index that it is configured with;
# --build-arg PIP_INDEX_URL=... or PIP_FIND_LINKS=... names another one and leaves no trace in the image.
ARG BASE=python:3.11-slim-bookworm


# What all images share: the user, the folders, how Python behaves.
FROM ${BASE} AS ground
RUN groupadd --gid 10001 gruard \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin gruard \
 && install -d -o 10001 -g 10001 /data /run/gruard
# /data is for the embedded stream's file; on Kafka nothing is ever written outside /tmp. /run/gruard is where a volume with
# the API's token belongs: it takes its owner from here.
ENV PATH=/opt/gruard/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    MPLCONFIGDIR=/tmp/matplotlib \
    GRUARD_MODELS__PATH=/app/models \
    GRUARD_EMBEDDED__PATH=/data/gruard.db \
    GRUARD_HTTP__HOST=0.0.0.0
WORKDIR /app
STOPSIGNAL SIGTERM


# The dependencies first: they change seldom, and a change of the source does not install them again.
FROM ${BASE} AS needs
ARG PIP_INDEX_URL
ARG PIP_EXTRA_INDEX_URL
ARG PIP_FIND_LINKS
ENV PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_CONSTRAINT=/build/constraints.txt
WORKDIR /build
# The environment gets no pip of its own: nothing in the image can install anything into it.
RUN python -m venv --without-pip /opt/gruard
COPY pyproject.toml constraints.txt ./
RUN python -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['project']['dependencies'], sep='\n')" > needs.txt \
 && python -m pip --python /opt/gruard/bin/python install --requirement needs.txt


FROM needs AS build
COPY README.md LICENSE ./
COPY service service
RUN python -m pip --python /opt/gruard/bin/python install --no-deps . \
 && rm /opt/gruard/bin/gruard-train


FROM ground AS service
USER 10001:10001
EXPOSE 8080
# /livez and not /readyz: some engines kill what is unhealthy, and a worker that waits for its broker must not be killed.
# docker-compose.yml, where health only orders the start and is looked at, asks /readyz.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["python", "/app/health.py", "livez"]
ENTRYPOINT ["gruard"]
CMD ["run"]
COPY deploy/compose/health.py /app/health.py
COPY models /app/models
COPY --from=build /opt/gruard /opt/gruard
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="gruard" \
      org.opencontainers.image.description="Streaming anomaly detection for IoT telemetry" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"


# Dash and what it brings, which no worker needs.
FROM needs AS build-console
RUN python -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['project']['optional-dependencies']['console'], sep='\n')" > console.txt \
 && python -m pip --python /opt/gruard/bin/python install --requirement console.txt
COPY README.md LICENSE ./
COPY service service
RUN python -m pip --python /opt/gruard/bin/python install --no-deps . \
 && rm /opt/gruard/bin/gruard-train


FROM ground AS console
USER 10001:10001
EXPOSE 8090
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["python", "/app/health.py", "", "8090"]
ENTRYPOINT ["gruard"]
CMD ["console", "--host=0.0.0.0"]
COPY deploy/compose/health.py /app/health.py
COPY --from=build-console /opt/gruard /opt/gruard
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="gruard-console" \
      org.opencontainers.image.description="Gruard's pages: devices, alerts and why, in a browser" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"


FROM build AS build-training
COPY training training
COPY benchmarks benchmarks
RUN python -m pip --python /opt/gruard/bin/python install '.[training,reports]'


FROM ground AS training
USER 10001:10001
HEALTHCHECK NONE
ENTRYPOINT ["gruard-train"]
CMD ["--help"]
COPY models /app/models
COPY --from=build-training /opt/gruard /opt/gruard
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="gruard-training" \
      org.opencontainers.image.description="Fits, evaluates and exports Gruard's models" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
