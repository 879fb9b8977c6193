"""What TensorRT says when it refuses: a table of messages, causes and next steps.

Texts of TensorRT 8.5 to 11.4, from its issues and from the strings in its libraries; the patterns
hold to the words that stay the same over versions. core/translator.py reads the table.
"""

from core.tensorrt_messages.general import LAST
from core.tensorrt_messages.loading import LOADING, PLAN_FORMATS
from core.tensorrt_messages.message import Message
from core.tensorrt_messages.running import BUILDING, RUNNING

MESSAGES: tuple[Message, ...] = (*LOADING, *RUNNING, *BUILDING, *LAST)
"""Where several match, the first is the cause."""

__all__ = ["MESSAGES", "Message", "PLAN_FORMATS"]
