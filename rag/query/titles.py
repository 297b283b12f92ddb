"""Makes a conversation's title for lists from its first question.

Rules only: what a person says before the question itself goes, and a long question ends at a word. A language model may
replace this behind the Titler protocol.
"""

import re

LONGEST_TITLE = 60  # characters that fit the window's list
_LEAD = re.compile(
    r"^(?:(?:hi|hello|hey|dear docent|docent|ok(?:ay)?|so|well|thanks?|thank you|please)\b[\s,.!:-]*"
    r"|(?:can|could|would|will) you (?:please |kindly )?(?:tell|show|explain to|give) me\b\s*(?:please\b\s*)?"
    r"|(?:i(?:'d| would)? (?:like|want|need) to know|i(?:'m| am) (?:wondering|looking for|trying to find out)"
    r"|i wonder|do you know|please tell me|tell me)\b[\s,:]*)+",
    re.IGNORECASE,
)


class QuestionTitler:
    """Implements the Titler protocol without a model."""

    def title(self, question: str, answer: str) -> str:
        bare = _LEAD.sub("", " ".join(question.split()), count=1)
        if len(bare.split()) < 2:  # nothing but politeness, or a keyword behind it
            bare = question
        return shortened(bare[:1].upper() + bare[1:])


def shortened(title: str) -> str:
    """The title on one line, cut at a word to what a list can show."""
    line = " ".join(title.split())
    if len(line) <= LONGEST_TITLE:
        return line or "Untitled"
    cut = line[:LONGEST_TITLE]
    return (cut.rpartition(" ")[0] or cut).rstrip(" ,;:") + "…"
