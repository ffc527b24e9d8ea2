"""The tree in the README: one line per file, taken from its first docstring line. python -m tests.readme_tree"""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
START, END = "<!-- tree: python -m tests.readme_tree -->\n```\n", "```\n<!-- end of tree -->"
PACKAGES = ("search_spaces", "trashseg_core", "experiments")
WIDTH = 34
RECIPES = "Complete, runnable experiments, each with its cost and result"


def summary(path: Path) -> str:
    """First line that says what a source file holds: its docstring's, or a script's first comment."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        return (ast.get_docstring(ast.parse(text)) or "").split("\n")[0].rstrip(".")
    comments = [line for line in text.splitlines() if line.startswith("#") and not line.startswith("#!")]
    return comments[0].lstrip("# ").rstrip(".") if comments else ""


def tree() -> str:
    """All source files of the packages, rooms after the files of their parent."""
    lines = [_line(0, "run_search.py", summary(ROOT / "run_search.py"))]
    for package in PACKAGES:
        lines += _folder(ROOT / package, 0)
    lines.append(_line(0, "tests/", "test_<module>.py · bench/ (python -m tests.bench) · run.sh"))
    return "\n".join(lines) + "\n"


def _folder(folder: Path, depth: int) -> list[str]:
    init = folder / "__init__.py"
    lines = [_line(depth, folder.name + "/", summary(init) if init.is_file() else RECIPES)]
    files = [path for path in folder.iterdir() if path.suffix in (".py", ".sh", ".yaml", ".sbatch")]
    for path in sorted(files):
        if path.name != "__init__.py":
            lines.append(_line(depth + 1, path.name, summary(path)))
    for path in sorted(folder.iterdir()):
        if path.is_dir() and any(path.glob("*.py")) | any(path.glob("*.sh")) | any(path.glob("*.yaml")):
            lines += _folder(path, depth + 1)
    return lines


def _line(depth: int, name: str, text: str) -> str:
    return f"{'  ' * depth + name:{WIDTH}} {text}".rstrip()


def rewritten(readme: str) -> str:
    """The README's text with the tree between its marks as it is now."""
    before, after = readme.split(START)[0], readme.split(END)[1]
    return before + START + tree() + END + after


if __name__ == "__main__":
    README.write_text(rewritten(README.read_text(encoding="utf-8")), encoding="utf-8")
