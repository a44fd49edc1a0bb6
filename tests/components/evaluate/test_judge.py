"""Metrics of texts by hand, and BLEU and chrF against sacrebleu's own corpus scores."""

from __future__ import annotations

import random
import re

import numpy as np
import pytest
import sacrebleu

from components.evaluate.judge import Judge, judge_of
from components.evaluate.sequences import LanguageModel, Seq2Seq

SENTENCE = "the a small large cat dog house sleeps runs eats in on under quickly , !"
WORDS = SENTENCE.split()


def words(text: str) -> list[str]:
    return re.findall(r"\w+|[^\w\s]", text)


def judge(kind: str) -> Judge:
    segment = {"tokens": str.split, "words": words, "subwords": words}.get(kind, list)
    return Judge(kind, segment, words)


def metrics(kind: str, references: list[list[str]], hypotheses: list[str]) -> dict[str, float]:
    (vectors,) = judge(kind).compare(references, [hypotheses])
    assert vectors.shape == (len(references), Seq2Seq.WIDTH)
    ones = np.ones(len(references))
    return Seq2Seq.metrics(Seq2Seq.add(ones, vectors.astype(np.float64), ones))


def test_pronunciations_by_hand() -> None:
    references = [["K AE T"], ["R EH D", "R IY D"], ["D AO G Z"]]
    found = metrics("tokens", references, ["K AE T", "R IY D", "D AA G"])
    assert found["exact_match"] == pytest.approx(2 / 3)
    assert found["wer"] == pytest.approx(1 / 3)
    # One substitution and one deletion over 3 + 3 + 4 units.
    assert found["per"] == pytest.approx(2 / 10)
    assert found["length_ratio"] == pytest.approx(9 / 10)
    assert found["example_count"] == 3


def test_words_are_counted_one_by_one_where_the_target_has_them() -> None:
    found = metrics("words", [["the cat sleeps"], ["a dog", "the large dog runs"]], ["the dog sleeps", "dog"])
    # 1 of 3 words, then 1 of the 2 words of the closest reference.
    assert found["wer"] == pytest.approx(2 / 5)
    assert found["exact_match"] == 0


def test_the_whole_text_is_one_word_of_characters() -> None:
    found = metrics("characters", [["ab c"], ["xy"]], ["ab d", "xy"])
    assert found["wer"] == pytest.approx(1 / 2)
    assert found["per"] == pytest.approx(1 / 6)


def test_letters_are_compared_in_lower_case_and_characters_are_not() -> None:
    assert metrics("letters", [["Oslo"]], ["oslo"])["exact_match"] == 1
    assert metrics("characters", [["Oslo"]], ["oslo"])["exact_match"] == 0


def corpus(rng: random.Random, most_references: int) -> tuple[list[list[str]], list[str]]:
    references, hypotheses = [], []
    for _ in range(700):
        first = rng.choices(WORDS, k=rng.randint(1, 14))
        others = [
            rng.choices(WORDS, k=rng.randint(1, 14)) for _ in range(rng.randint(0, most_references - 1))
        ]
        hypothesis = [rng.choice(WORDS) if rng.random() < 0.3 else word for word in first]
        references.append([" ".join(words) for words in (first, *others)])
        hypotheses.append(" ".join(hypothesis[: rng.randint(0, 14)]))
    return references, hypotheses


@pytest.mark.parametrize("most_references", [1, 4])
@pytest.mark.parametrize("kind", ["words", "tokens", "letters"])
def test_bleu_and_chrf_are_those_of_sacrebleu(kind: str, most_references: int) -> None:
    references, hypotheses = corpus(random.Random(most_references), most_references)
    found = metrics(kind, references, hypotheses)
    streams = [
        [texts[index] if index < len(texts) else None for texts in references]
        for index in range(most_references)
    ]
    tokenizer = "none" if kind == "tokens" else "13a"
    assert found["bleu"] == pytest.approx(
        sacrebleu.corpus_bleu(hypotheses, streams, tokenize=tokenizer, force=True).score
    )
    assert found["chrf"] == pytest.approx(sacrebleu.corpus_chrf(hypotheses, streams).score)


def test_several_models_are_compared_as_each_alone() -> None:
    references, hypotheses = corpus(random.Random(9), 2)
    other = hypotheses[::-1]
    together = judge("words").compare(references, [hypotheses, other])
    for model, vectors in zip((hypotheses, other), together, strict=True):
        np.testing.assert_array_equal(judge("words").compare(references, [model])[0], vectors)


def test_weights_repeat_examples() -> None:
    references, hypotheses = corpus(random.Random(2), 2)
    (vectors,) = judge("words").compare(references[:50], [hypotheses[:50]])
    vectors = vectors.astype(np.float64)
    times = np.arange(50) % 3
    weighted = Seq2Seq.metrics(Seq2Seq.add(times, vectors, times.astype(np.float64)))
    repeated = np.repeat(vectors, times, axis=0)
    plain = Seq2Seq.metrics(Seq2Seq.add(repeated, repeated, np.ones(len(repeated))))
    assert {**weighted, "example_count": 50} == pytest.approx({**plain, "example_count": 50})


def test_no_sources_have_no_vectors() -> None:
    (vectors,) = judge("tokens").compare([], [[]])
    assert vectors.shape == (0, Seq2Seq.WIDTH)


def test_perplexity_is_over_all_units_and_not_a_mean_over_texts() -> None:
    vectors = np.array([[3 * np.log(2.0), 3], [np.log(16.0), 1]])
    found = LanguageModel.metrics(LanguageModel.add(np.ones(2), vectors, np.ones(2)))
    # Seven bits over four units.
    assert found["bits_per_unit"] == pytest.approx(7 / 4)
    assert found["perplexity"] == pytest.approx(2 ** (7 / 4))


def test_a_perplexity_beyond_numbers_is_infinite() -> None:
    found = LanguageModel.metrics(np.array([1.0, 1.0, 1000.0, 1.0]))
    assert found["perplexity"] == np.inf
    assert found["bits_per_unit"] == pytest.approx(1000 / np.log(2))


def test_texts_are_divided_as_the_transform_graph_divides_them() -> None:
    def of(kind: str, pieces: tuple[str, ...], reference: str, hypothesis: str) -> dict[str, float]:
        (vectors,) = judge_of(kind, pieces).compare([[reference]], [[hypothesis]])  # type: ignore[arg-type]
        return Seq2Seq.metrics(Seq2Seq.add(np.ones(1), vectors.astype(np.float64), np.ones(1)))

    # Four words and marks, one of them wrong; white space does not count.
    found = of("words", (), "Don't stop, now", "Don't  stop , then")
    assert (found["wer"], found["per"]) == (1 / 4, 1 / 4)
    assert of("words", (), "stop, now", "stop , now")["exact_match"] == 1
    # "walk ##ing home" against "walk home": one piece of three, one word of two.
    found = of("subwords", ("walk", "##ing", "home"), "walking home", "walk home")
    assert (found["per"], found["wer"]) == (1 / 3, 1 / 2)
    assert of("tokens", (), "K AE T", " K  AE T")["exact_match"] == 1
    assert of("characters", (), "a b", "ab")["exact_match"] == 0


def test_two_tokens_that_no_piece_covers_are_not_the_same() -> None:
    (vectors,) = judge_of("subwords", ("a",)).compare([["xyz"]], [["uvw"]])
    assert vectors[0, :5].tolist() == [1, 1, 1, 1, 0]
