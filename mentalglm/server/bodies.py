"""What clients post. A key that is not known is refused by name: a setting that does nothing would mislead."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from mentalglm.prompt import Messages
from mentalglm.server.constraint import Constraint, constraint_of
from mentalglm.server.problem import Problem
from mentalglm.server.sampling import Sampling

# A post that is no valid text is one row's error, not the whole request's: the analyzer judges it.
_Post = Annotated[Any, WithJsonSchema({"type": "string"})]
_Posts = Annotated[Any, WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]})]
_Ignored = Annotated[Any, Field(description="Accepted and not used.")]
_Zero = Annotated[float, Field(ge=0, le=0)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class AnalyzeBody(_Body):
    """The body of ``POST /v1/analyze``; the names are those of ``Analyzer.analyze``.

    Attributes:
        posts: One post or a list of them.
        task: One task, several, or ``all`` that the model was taught.
        labels_only: Leave evidence and explanation out, which is many times faster.
        faithfulness: Also measure whether the labels rest on the evidence, for which posts are read twice more.
        max_explanation_characters: An explanation that is longer ends with its last sentence within.
        lang: The language of the notice and the disclaimer.
    """

    posts: _Posts
    task: str | list[str] = "all"
    labels_only: bool = False
    faithfulness: bool = False
    max_explanation_characters: int | None = Field(None, ge=2)
    lang: Literal["zh", "en"] = "zh"


class _Part(_Body):
    type: Literal["text"]
    text: str


class _Message(_Body):
    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[_Part]
    name: _Ignored = None


class _StreamOptions(_Body):
    include_usage: bool = False
    include_obfuscation: _Ignored = None


class ChatBody(_Body):
    """The body of ``POST /v1/chat/completions``: OpenAI's, and of vLLM's additions those named here."""

    messages: list[_Message] = Field(min_length=1)
    model: str | None = None
    stream: bool | None = None
    stream_options: _StreamOptions | None = None
    max_tokens: int | None = Field(None, ge=1)
    max_completion_tokens: int | None = Field(None, ge=1)
    temperature: float | None = Field(None, ge=0, le=2)
    top_p: float | None = Field(None, gt=0, le=1)
    top_k: int | None = Field(None, ge=-1)
    seed: int | None = Field(None, ge=-(2**63), lt=2**63)
    stop: str | list[str] | None = Field(None, max_length=16)
    logprobs: bool | None = None
    top_logprobs: int | None = Field(None, ge=0, le=20)
    response_format: dict[str, Any] | None = None
    structured_outputs: dict[str, Any] | None = None
    guided_grammar: str | None = None
    guided_json: dict[str, Any] | str | None = None
    guided_regex: str | None = None
    guided_choice: list[str] | None = None
    add_generation_prompt: bool = True
    continue_final_message: bool = False
    n: Annotated[int, Field(ge=1, le=1)] | None = None
    presence_penalty: _Zero | None = None
    frequency_penalty: _Zero | None = None
    tools: Annotated[list[Any], Field(max_length=0)] | None = None
    logit_bias: Annotated[dict[str, Any], Field(max_length=0)] | None = None
    tool_choice: Literal["none", "auto"] | None = None
    parallel_tool_calls: _Ignored = None
    user: _Ignored = None
    metadata: _Ignored = None
    store: _Ignored = None
    service_tier: _Ignored = None
    safety_identifier: _Ignored = None
    prompt_cache_key: _Ignored = None

    @property
    def plain_messages(self) -> Messages:
        """The messages as the chat template takes them."""
        return [
            {
                "role": "system" if message.role == "developer" else message.role,
                "content": message.content
                if isinstance(message.content, str)
                else "".join(part.text for part in message.content),
            }
            for message in self.messages
        ]

    @property
    def sampling(self) -> Sampling:
        """How tokens are drawn; OpenAI's defaults."""
        return Sampling(
            temperature=1.0 if self.temperature is None else self.temperature,
            top_p=1.0 if self.top_p is None else self.top_p,
            top_k=max(0, self.top_k or 0),
            seed=self.seed,
        )

    @property
    def constraint(self) -> Constraint | None:
        """What the reply must look like."""
        guided = {
            "grammar": self.guided_grammar,
            "json": self.guided_json,
            "regex": self.guided_regex,
            "choice": self.guided_choice,
        }
        return constraint_of(self.response_format, self.structured_outputs, guided)

    @property
    def stops(self) -> list[str]:
        """The strings that end the reply."""
        stops = [self.stop] if isinstance(self.stop, str) else self.stop or []
        if not all(stops):
            raise Problem(400, "invalid_request", "stop: a stop string must not be empty")
        return stops

    @property
    def top_chances(self) -> int | None:
        """How many other tokens are told with each; None tells no probabilities at all."""
        if self.top_logprobs and not self.logprobs:
            raise Problem(400, "invalid_request", "top_logprobs needs logprobs: true")
        return (self.top_logprobs or 0) if self.logprobs else None

    @property
    def continues(self) -> bool:
        """Whether the last message is the beginning of the reply."""
        if not self.continue_final_message:
            if not self.add_generation_prompt:
                raise Problem(400, "invalid_request", "add_generation_prompt: false needs continue_final_message: true")
            return False
        if self.messages[-1].role != "assistant":
            raise Problem(400, "invalid_request", "continue_final_message needs a last message of role assistant")
        return True
