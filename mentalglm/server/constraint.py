"""What a chat's reply must look like: OpenAI's ``response_format``, or vLLM's ``structured_outputs``."""

import json
from dataclasses import dataclass
from typing import Any

from mentalglm.server.problem import Problem

# Our word for each form -> llguidance's.
_FORMATS = {"grammar": "lark", "json": "json_schema", "regex": "regex", "choice": "choice"}


@dataclass(frozen=True)
class Constraint:
    """A form, and the text that describes it.

    Attributes:
        form: ``grammar`` (Lark as llguidance reads it), ``json`` (a schema), ``regex`` or ``choice`` (a JSON list).
        text: The grammar, schema, expression or list.
    """

    form: str
    text: str

    def matcher(self, grammar_tokenizer: Any) -> Any:
        """A fresh llguidance matcher.

        Raises:
            Problem: The text cannot be read as the form it is said to have.
        """
        import llguidance

        try:
            # Its log would write a grammar's words, a post's among them, to stderr.
            grammar = llguidance.grammar_from(_FORMATS[self.form], self.text)
            matcher = llguidance.LLMatcher(grammar_tokenizer, grammar, log_level=0)
        except ValueError:
            raise Problem(400, "invalid_grammar", f"the {self.form} cannot be read") from None
        if matcher.is_error():
            raise Problem(400, "invalid_grammar", f"the {self.form} cannot be read; llguidance refuses it")
        return matcher


def constraint_of(
    response_format: dict[str, Any] | None, structured: dict[str, Any] | None, guided: dict[str, Any]
) -> Constraint | None:
    """The one constraint a request names, if any.

    Args:
        response_format: ``{"type": "text" | "json_object" | "json_schema", …}``.
        structured: ``{"grammar" | "json" | "regex" | "choice": …}`` or ``{"json_object": true}``.
        guided: The same as vLLM wrote it before, by ``grammar``, ``json``, ``regex`` and ``choice``.

    Raises:
        Problem: More than one is named, or one is malformed or not known.
    """
    named = [(form, value) for form, value in guided.items() if value is not None]
    for form, value in (structured or {}).items():
        if form == "json_object" and value:
            named.append(("json", {"type": "object"}))
        elif form in _FORMATS and value is not None:
            named.append((form, value))
        elif value not in (None, False):
            raise _malformed(f"structured_outputs takes {', '.join(_FORMATS)} or json_object")
    kind = (response_format or {}).get("type", "text")
    if kind == "json_object":
        named.append(("json", {"type": "object"}))
    elif kind == "json_schema":
        schema = (response_format or {}).get("json_schema")
        if not isinstance(schema, dict) or not isinstance(schema.get("schema"), dict):
            raise _malformed('response_format json_schema must hold {"json_schema": {"name": …, "schema": {…}}}')
        named.append(("json", schema["schema"]))
    elif kind != "text":
        raise _malformed("response_format.type must be text, json_object or json_schema")
    if len(named) > 1:
        raise _malformed("response_format, structured_outputs and guided_… may name one constraint together")
    return _constraint(*named[0]) if named else None


def _constraint(form: str, value: Any) -> Constraint:
    if form in ("grammar", "regex"):
        if not isinstance(value, str) or not value:
            raise _malformed(f"{form} must be a text that is not empty")
        return Constraint(form, value)
    if form == "choice":
        if not isinstance(value, list) or not value or not all(isinstance(one, str) and one for one in value):
            raise _malformed("choice must be a list of texts, none empty")
    elif isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            raise _malformed("json must be a JSON schema") from None
    if form == "json" and not isinstance(value, dict):
        raise _malformed("json must be a JSON schema")
    return Constraint(form, json.dumps(value, ensure_ascii=False))


def _malformed(message: str) -> Problem:
    return Problem(400, "invalid_request", message)
