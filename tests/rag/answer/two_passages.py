"""Two passages of two documents, to answer from."""

from rag.types import Document, Passage

WHALES = "The blue whale is the largest animal. It eats about four tonnes of krill a day."
TOWER = "The Eiffel Tower was opened in 1889. Dr. Eiffel designed it. The tower is 330 metres high."


def passage(number: int, text: str, document: int = 1, start: int = 0) -> Passage:
    row = Document(document, 1, f"/d/{document}.txt", f"Title {document}", "text/plain", "ok", None, 1, 1, 1, "h", 0.0)
    return Passage(number, row, start, start + len(text), text, 1.0 / number)


# Number 1 (the best) stands in the later document, so its label in the prompt is 2.
PASSAGES = [passage(1, TOWER, document=2, start=10), passage(2, WHALES, document=1)]
