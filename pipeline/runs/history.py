"""What earlier runs left for later ones."""

from __future__ import annotations

from pathlib import Path

from pipeline.root import Root
from pipeline.runs.store import RunStore


def previous_statistics(root: Root, name: str, data_fingerprint: str) -> str:
    """Statistics directory of the newest run of this pipeline on other data that passed its checks.

    Args:
        root: the root.
        name: name of the pipeline.
        data_fingerprint: of the data now; runs on the same data do not count, so that a repeated run has the
            same answer.

    Returns:
        A directory, or `""` when there is none.
    """
    for _, summary in RunStore(root).summaries():
        if summary.get("name") != name or summary.get("fingerprints", {}).get("data") in (
            None,
            data_fingerprint,
        ):
            continue
        checked = any(
            step["name"] == "check" and step["state"] != "failed" for step in summary.get("steps", [])
        )
        uri = summary.get("statistics_uri", "")
        if checked and uri and (root.path / uri).is_dir():
            return str(root.path / Path(uri))
    return ""
