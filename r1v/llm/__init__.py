"""The façade: one interface to a model, whatever runs it.

Enters: messages and sampling settings. Leaves: TokenEvents and Completions.
"""

from r1v.llm.async_stream import AsyncStream
from r1v.llm.backend import Backend
from r1v.llm.card import ModelCard, card_of
from r1v.llm.config import LLMConfig, ParallelConfig, RemoteConfig
from r1v.llm.conversation_scorer import ConversationScorer, ScoredRow, is_reward_model
from r1v.llm.facade import LLM
from r1v.llm.grammar import OutputGrammar
from r1v.llm.loose_calls import LooseToolCallReader, read_loose_tool_calls
from r1v.llm.requests import BackendLoad, ChatRequest, ModelInfo, Request, TextRequest
from r1v.llm.settings import BackendInfo
from r1v.llm.stream import Event, Stream
from r1v.llm.tools import AnswerPart, ToolCallReader, read_tool_calls
from r1v.prompt import ImageLimits, PromptLimits

__all__ = [
    "LLM",
    "AnswerPart",
    "AsyncStream",
    "Backend",
    "BackendInfo",
    "BackendLoad",
    "ChatRequest",
    "ConversationScorer",
    "Event",
    "ImageLimits",
    "LLMConfig",
    "LooseToolCallReader",
    "ModelCard",
    "ModelInfo",
    "OutputGrammar",
    "ParallelConfig",
    "PromptLimits",
    "RemoteConfig",
    "Request",
    "ScoredRow",
    "Stream",
    "TextRequest",
    "ToolCallReader",
    "card_of",
    "is_reward_model",
    "read_loose_tool_calls",
    "read_tool_calls",
]

# modules whose public names other packages may import as well
MODULES = (
    "backends.remote.backend",
    "backends.remote.wire",
    "backends.transformers.backend",
    "backends.vllm.launch",
    "backends.vllm.prompts",
    "config",
    "prompt_encoder",
)
