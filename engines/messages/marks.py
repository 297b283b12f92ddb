"""The marks of thoughts and calls in what models write. Also tokenizers that count them as special show them."""

THOUGHT_BEGINS, THOUGHT_ENDS = "<think>", "</think>"
CALL_BEGINS, CALL_ENDS = "<tool_call>", "</tool_call>"
CALLS_FOLLOW, ARGUMENTS_FOLLOW = "[TOOL_CALLS]", "[ARGS]"  # Mistral
CALL_LIST_FOLLOWS = "<|tool_call|>"  # Granite
MARKS = frozenset(
    {THOUGHT_BEGINS, THOUGHT_ENDS, CALL_BEGINS, CALL_ENDS, CALLS_FOLLOW, ARGUMENTS_FOLLOW, CALL_LIST_FOLLOWS}
)
