"""What stands in a loaded model's place when an endpoint answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mentalglm.calibration import FILE
from mentalglm.destination import check_destination
from mentalglm.errors import UserError
from mentalglm.models.manifest import Manifest, read_manifest
from mentalglm.remote.decoder import RemoteDecoder
from mentalglm.remote.pool import Line


@dataclass(frozen=True)
class RemoteModel:
    """A model behind endpoints.

    Attributes:
        name: Its name there.
        decoder: Asks it.
        line: How it is reached.
        manifest: What its ``mentalglm.json`` says, where a folder with it was named.
        folder: That folder.
    """

    name: str
    decoder: RemoteDecoder
    line: Line
    manifest: Manifest
    folder: Path | None

    def described(self) -> dict[str, Any]:
        """For manifests: where texts go, never the key."""
        return {
            "model": self.name,
            "endpoints": [place.url for place in self.line.destinations],
            "outside_private_ranges": any(place.external for place in self.line.destinations),
        }


def connect(
    endpoints: str | Sequence[str],
    model: str,
    *,
    folder: str | Path | None = None,
    allow_external: bool = False,
    api_key_env: str | None = None,
    concurrency: int = 16,
    timeout: float = 120.0,
    retries: int = 6,
) -> RemoteModel:
    """Checks where texts would go; nothing is sent yet. See :meth:`mentalglm.analyzer.Analyzer.connect`."""
    urls = [endpoints] if isinstance(endpoints, str) else list(endpoints)
    if not urls or not model:
        raise UserError("--endpoint and --endpoint-model go together; name both")
    if concurrency < 1 or timeout <= 0 or retries < 0:
        raise UserError("--concurrency and --timeout must be above 0, and retries 0 or more")
    places = tuple(dict.fromkeys(check_destination(url, allow_external) for url in urls))
    line = Line(places, model, api_key_env, concurrency, timeout, retries)
    beside = None if folder is None else Path(folder)
    if beside is not None and not ((beside / "mentalglm.json").is_file() or (beside / FILE).is_file()):
        raise UserError(f"{beside} holds neither mentalglm.json nor {FILE}; name the folder of the model served")
    manifest = read_manifest(beside)
    return RemoteModel(model, RemoteDecoder(line, manifest.max_seq_length), line, manifest, beside)
