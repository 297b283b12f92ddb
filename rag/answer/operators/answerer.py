"""Answers what code can compute from the tables of the passages, and leaves every other question to another answerer.

    passages -> whole tables (grid) -> sums of entries, arithmetic, extremes, counts, lists, a value by row and column
             -> none of them accounts for the question: the other answerer

A value is written as it stands, with the names of its row and column and the scale of its table; every row used is
cited, and a sum shows its parts.
"""

from collections.abc import Callable, Iterator, Sequence

from rag.answer.asked.names import unknown_names
from rag.answer.asked.proportions import asks_for_proportion, says_proportion
from rag.answer.asked.superlatives import asks_for_extreme
from rag.answer.citations import Locate, Numbering, citation_for
from rag.answer.operators.computed.apart_difference import subtract_apart
from rag.answer.operators.computed.arithmetic import asks_to_compute, compute
from rag.answer.operators.computed.changed_rows import find_changed
from rag.answer.operators.computed.column_of_all import tell_column
from rag.answer.operators.computed.compared_groups import compare_groups
from rag.answer.operators.computed.counting import count, list_rows
from rag.answer.operators.computed.day_plan import tell_day
from rag.answer.operators.computed.extremes import find_extreme
from rag.answer.operators.computed.gain_or_loss import gain_or_loss
from rag.answer.operators.computed.in_and_out import find_result
from rag.answer.operators.computed.ledger_extremes import asks_for_entry, find_entry
from rag.answer.operators.computed.ledger_sums import add_up_entries, asks_for_sum
from rag.answer.operators.computed.lookup import look_up, look_up_total
from rag.answer.operators.computed.orders import price_order
from rag.answer.operators.computed.period_ends import find_period_end
from rag.answer.operators.computed.picked_sums import add_up_picked
from rag.answer.operators.computed.prices import price_several
from rag.answer.operators.computed.proportions import find_proportion
from rag.answer.operators.computed.prose_difference import subtract
from rag.answer.operators.computed.prose_sum import add_up
from rag.answer.operators.computed.record_sums import tell_of_records
from rag.answer.operators.computed.rise_or_fall import rise_or_fall
from rag.answer.operators.computed.rota import read_rota
from rag.answer.operators.computed.stock_sums import add_up_stock
from rag.answer.operators.computed.told_by_number import find_by_number
from rag.answer.operators.computed.whether import tell_whether
from rag.answer.operators.quoted.age_prices import find_age_price
from rag.answer.operators.quoted.answered_questions import quote_answered_question
from rag.answer.operators.quoted.attendance import quote_absence
from rag.answer.operators.quoted.changed_amounts import quote_changed_amount
from rag.answer.operators.quoted.contacts import find_contact
from rag.answer.operators.quoted.counted_lists import count_listed
from rag.answer.operators.quoted.counts import find_count
from rag.answer.operators.quoted.dimensions import find_dimension
from rag.answer.operators.quoted.duties import quote_duties
from rag.answer.operators.quoted.entries import find_dated_entry, find_entry_of_code
from rag.answer.operators.quoted.ingredients import find_ingredient
from rag.answer.operators.quoted.instructions import quote_instruction
from rag.answer.operators.quoted.labelled_amounts import find_labelled_amount
from rag.answer.operators.quoted.mail_senders import find_mail_sender
from rag.answer.operators.quoted.manual_entries import quote_manual_entry
from rag.answer.operators.quoted.named_sentences import quote_named_sentence
from rag.answer.operators.quoted.numbered_parts import name_part
from rag.answer.operators.quoted.places import find_place
from rag.answer.operators.quoted.priced_lines import list_priced_lines
from rag.answer.operators.quoted.records import quote_record
from rag.answer.operators.quoted.seasonal_times import find_seasonal_time
from rag.answer.operators.quoted.section_limits import find_limit
from rag.answer.operators.quoted.sections import quote_section
from rag.answer.operators.quoted.signatures import find_holder
from rag.answer.operators.quoted.what_is_missing import find_missing
from rag.answer.operators.record_tables import record_grids
from rag.answer.operators.tables.grid import Grid, Texts, grids_of
from rag.answer.operators.whole.changes import tell_changes
from rag.answer.operators.whole.documents import name_documents
from rag.answer.operators.whole.outline import outline
from rag.answer.operators.worked import Worked
from rag.answer.reading import find_spans
from rag.protocols import Answerer, Embedder, SpanReader
from rag.query.english_frame import with_english_frame
from rag.text.markers import AnswerPart, word_by_word
from rag.types import Answer, AnswerEvent, Citation, Passage, Query, TextDelta

Operator = Callable[[Query, Sequence[Grid], Embedder], Worked | None]
OPERATORS: tuple[Operator, ...] = (
    find_place,
    find_by_number,
    tell_whether,
    add_up_stock,
    add_up_picked,
    compute,
    find_changed,
    find_extreme,
    count,
    list_rows,
    gain_or_loss,
    rise_or_fall,
    look_up,
)
_OF_SINGLE_ROWS = (gain_or_loss, look_up, look_up_total)  # which a part of a table may answer
_MOST_ENTRIES = 5000  # of one list
_DOUBTED = 0.05  # confidence of a reader below which a contact that was found is not told
OPERATORS_NAME = "operators"


class OperatorAnswerer:
    """Implements the Answerer protocol around another one."""

    def __init__(
        self,
        otherwise: Answerer,
        texts: Texts,
        embedder: Embedder,
        locate: Locate | None = None,
        reader: SpanReader | None = None,
    ) -> None:
        self._otherwise = otherwise
        self._texts = texts
        self._embedder = embedder
        self._locate = locate
        self._reader = reader

    @property
    def name(self) -> str:
        return self._otherwise.name

    def answer(self, query: Query, passages: Sequence[Passage]) -> Iterator[AnswerEvent]:
        worked = work(query, passages, self._texts, self._embedder, lambda: self._doubts(query, passages))
        if worked is None:
            yield from self._otherwise.answer(query, passages)
        else:
            yield from self._written(worked)

    def _doubts(self, query: Query, passages: Sequence[Passage]) -> bool:
        """Whether a reader finds nothing in the passages that could answer."""
        if self._reader is None:
            return False
        readings = find_spans(query.text, passages, self._reader)
        return max((reading.confidence for reading in readings), default=0.0) < _DOUBTED

    def _written(self, worked: Worked) -> Iterator[AnswerEvent]:
        numbering = Numbering()
        parts: list[AnswerPart] = []
        citations: list[Citation] = []
        for statement in worked.statements:
            cited = tuple(
                citation_for(
                    source.passage,
                    source.start,
                    source.end,
                    self._locate,
                    min(1.0, worked.strength),
                    numbering.of(source.passage),
                )
                for source in statement.sources
            )
            numbers = tuple(dict.fromkeys(citation.number for citation in cited))
            part = AnswerPart(f"{' ' if parts else ''}{statement.text} ", numbers)
            *before, last = word_by_word([part])
            for word in before:
                yield TextDelta((word,))
            yield TextDelta((last,), cited)
            parts.append(part)
            citations += cited
        value = next((statement.value for statement in worked.statements if statement.value is not None), None)
        span = None if value is None else value.passage.span(value.start, value.end)
        yield Answer(tuple(parts), True, tuple(citations), OPERATORS_NAME, span)


def work(
    query: Query,
    passages: Sequence[Passage],
    texts: Texts,
    embedder: Embedder,
    doubts: Callable[[], bool] = lambda: False,
) -> Worked | None:
    """What the first operator makes of the question; None where the passages hold no table or none accounts for it.

    A contact or a numbered part is not told where a reader ``doubts`` that anything there answers.
    """
    if not passages:
        return None
    if not query.is_english:
        return _in_another_language(query, passages, texts, embedder)
    told = (
        name_documents(query, passages)
        or tell_changes(query, passages, texts)
        or outline(query, passages, texts, embedder)
    )
    if told is not None or query.kind == "overview" or unknown_names(query, passages):
        return told
    stated = name_part(query, passages, texts, embedder) or find_contact(query, passages, texts)
    if stated is not None:
        return None if doubts() else stated
    stated = (
        quote_answered_question(query, passages, texts)
        or quote_named_sentence(query, passages, texts)
        or quote_changed_amount(query, passages, texts)
        or list_priced_lines(query, passages, texts)
        or find_entry_of_code(query, passages, texts)
        or quote_manual_entry(query, passages, texts)
        or find_dated_entry(query, passages, texts)
        or find_holder(query, passages)
        or quote_absence(query, passages, texts)
        or find_dimension(query, passages, texts)
        or find_ingredient(query, passages, texts)
        or find_age_price(query, passages)
        or find_labelled_amount(query, passages, texts)
        or find_mail_sender(query, passages, texts)
        or find_seasonal_time(query, passages)
        or count_listed(query, passages)
        or find_count(query, passages)
        or find_period_end(query, passages)
        or quote_duties(query, passages, texts)
        or quote_instruction(query, passages)
        or find_missing(query, passages)
    )
    if stated is not None:
        return stated
    records = record_grids(passages, texts)
    grids = [*grids_of(passages, texts), *records]
    return (
        quote_record(query, records)
        or read_rota(query, grids)
        or tell_day(query, grids)
        or price_several(query, passages, grids)
        or price_order(query, grids)
        or find_result(query, grids)
        or tell_of_records(query, grids)
        or compare_groups(query, [grid for grid in grids if grid.is_whole], embedder)
        or _from_entries(query, passages, texts, grids)
        or tell_column(query, grids)
        or _from_tables(query, grids, embedder)
        or subtract(query, passages)
        or subtract_apart(query, passages, texts)
        or add_up(query, passages)
        or find_limit(query, passages, texts)
        or quote_section(query, passages, texts)
    )


def _in_another_language(query: Query, passages: Sequence[Passage], texts: Texts, embedder: Embedder) -> Worked | None:
    """A summary, which needs no words of the question, an extreme, for superlatives are known in German too, or what
    tables tell of a question whose words that ask, compare and limit are known in its language."""
    told = outline(query, passages, texts, embedder)
    if told is not None:
        return told
    if asks_for_extreme(query.text):
        return find_extreme(query, grids_of(passages, texts), embedder)
    framed = with_english_frame(query)
    return None if framed is None else _from_tables(framed, grids_of(passages, texts), embedder)


def _from_tables(query: Query, grids: Sequence[Grid], embedder: Embedder) -> Worked | None:
    operators = OPERATORS
    if asks_for_proportion(query.text):
        called_so = [grid for grid in grids if says_proportion(_names(grid))]
        return find_proportion(query, [grid for grid in grids if grid.is_whole]) or look_up(query, called_so, embedder)
    if asks_to_compute(query.text):  # no single value answers it, but a total
        operators = (find_changed, add_up_stock, add_up_picked, compute, look_up_total)
    elif asks_for_extreme(query.text):
        operators = (find_changed, find_extreme)
    whole = [grid for grid in grids if grid.is_whole]
    for operator in operators:
        worked = operator(query, grids if operator in _OF_SINGLE_ROWS else whole, embedder)
        if worked is not None:
            return worked
    return None


def _names(grid: Grid) -> str:
    return " ".join([*grid.columns, *(line.name for line in grid.lines)])


def _from_entries(query: Query, passages: Sequence[Passage], texts: Texts, grids: Sequence[Grid]) -> Worked | None:
    if not asks_for_sum(query.text) and not asks_for_entry(query.text):
        return None
    if not all(grid.is_whole for grid in grids):
        grids = grids_of(passages, texts, _MOST_ENTRIES)
    return add_up_entries(query, grids) or find_entry(query, grids)
