"""stub"""


def write(fitted, folder):
    (folder / "card.md").write_text("# " + fitted.manifest.name + "\n")
