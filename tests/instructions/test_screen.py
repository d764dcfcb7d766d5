"""Comparing rows: duplicates, conflicts, minimal pairs, held-out posts, and splits that keep like posts together."""

from collections.abc import Sequence

from instructions.config import Config
from instructions.duplicates import text_key
from instructions.examine import examine
from instructions.gather import Candidate
from instructions.screen import Screened, screen
from tests.instructions.made import POSTS, candidate

LONG = "".join(POSTS)
NEARLY = LONG.replace("白色", "黄色")


def screened(
    candidates: Sequence[Candidate], heldout_keys: Sequence[str] = (), heldout: Sequence[str] = (), **settings: object
) -> Screened:
    config = Config.model_validate({"name": "x", "sources": ["made"], **settings})
    keys = frozenset(heldout_keys).union(map(text_key, heldout))
    return screen(candidates, examine(candidates, config, keys, processes=1), config, heldout)


def kept(found: Screened) -> list[str]:
    return [row.record.id for row in found.rows]


def reasons(found: Screened) -> dict[str, str]:
    return {row_id: reason for row_id, _, reason in found.quarantined}


def test_of_two_equal_rows_the_explained_one_is_kept_then_the_first_source() -> None:
    words = "文中只写日常起居，没有求死或伤害的意思，语气平稳，因此归为安全。"
    rows = [
        candidate(id="a", rank=0),
        candidate(POSTS[0] + "！！", id="b", rank=1, explanation=words, explanation_by="llm"),
        candidate(POSTS[0].replace("，", " "), id="c", rank=2, explanation=words, explanation_by="human"),
        candidate(POSTS[1], id="d", rank=1),
        candidate(POSTS[1], id="e", rank=0),
    ]
    found = screened(rows)
    assert kept(found) == ["c", "e"]
    assert set(reasons(found).values()) == {"a duplicate: the same post for the same task"}


def test_the_same_post_may_stand_once_for_every_task() -> None:
    rows = [candidate(id="a"), candidate(id="b", task="risk_category", labels=[])]
    assert kept(screened(rows)) == ["a", "b"]


def test_conflicting_labels_take_both_rows_out_and_no_third() -> None:
    rows = [candidate(id="a"), candidate(id="b", labels=["不安全"]), candidate(POSTS[1], id="c")]
    found = screened(rows)
    assert kept(found) == ["c"]
    assert reasons(found) == dict.fromkeys("ab", "conflicting labels: the same post has others elsewhere")


def test_an_assumed_label_gives_way_to_a_given_one() -> None:
    task = {"task": "cognitive_distortion"}
    rows = [
        candidate(id="assumed", labels=[], meta={"assumed": True}, **task),
        candidate(id="given", labels=["读心术"], **task),
        candidate(POSTS[1], id="alone", labels=[], meta={"assumed": True}, **task),
    ]
    found = screened(rows)
    assert kept(found) == ["given", "alone"]
    assert [row.assumed for row in found.rows] == [False, True]


def test_near_duplicates_with_the_same_labels_go_and_minimal_pairs_stay() -> None:
    same = screened([candidate(LONG, id="a"), candidate(NEARLY, id="b")])
    assert kept(same) == ["a"] or kept(same) == ["b"]
    assert list(reasons(same).values()) == ["a near duplicate: a post like it has the same labels"]
    assert len(kept(screened([candidate(LONG, id="a"), candidate(NEARLY, id="b", labels=["临界"])]))) == 2


def test_a_pair_that_differs_for_one_task_stays_for_all() -> None:
    shared = {"task": "risk_category", "labels": []}
    pair = [candidate(LONG, id="a"), candidate(NEARLY, id="b", labels=["临界"])]
    other = [candidate(LONG, id="a2", **shared), candidate(NEARLY, id="b2", **shared)]
    assert len(kept(screened(pair + other))) == 4


def test_the_threshold_decides_and_null_switches_it_off() -> None:
    rows = [candidate(LONG, id="a"), candidate(NEARLY, id="b")]
    assert len(kept(screened(rows, checks={"near_duplicates": 1.0}))) == 2
    assert len(kept(screened(rows, checks={"near_duplicates": None}))) == 2


def test_held_out_posts_are_found_by_hash_whatever_their_punctuation() -> None:
    found = screened(
        [candidate(POSTS[2].replace("，", "……"), id="a"), candidate(POSTS[3], id="b")], [text_key(POSTS[2])]
    )
    assert kept(found) == ["b"]
    assert reasons(found) == {"a": "the post is in a held-out test set"}


def test_held_out_texts_are_found_nearly_too_even_with_other_labels() -> None:
    rows = [candidate(LONG, id="same"), candidate(NEARLY, id="near", labels=["临界"]), candidate(POSTS[4], id="other")]
    found = screened(rows, heldout=[LONG])
    assert kept(found) == ["other"]
    assert reasons(found) == {
        "same": "the post is in a held-out test set",
        "near": "the post is nearly one of a held-out test set",
    }


def numbered(count: int) -> list[str]:
    # Posts with nothing in common: each is a run of other characters.
    return ["".join(chr(0x4E00 + 25 * n + k) for k in range(25)) for n in range(count)]


def test_the_build_divides_posts_and_never_a_post_a_group_or_near_duplicates() -> None:
    posts, others = numbered(800)[:400], numbered(800)[400:]
    rows = [candidate(text, id=f"{n}:s") for n, text in enumerate(posts)]
    rows += [candidate(text, id=f"{n}:r", task="risk_category", labels=[]) for n, text in enumerate(posts)]
    rows += [candidate(text[::-1], id=f"{n}:g", group=text[:12]) for n, text in enumerate(posts)]
    rows += [candidate(text * 3 + "啊", id=f"{n}:p", group=f"p{n}") for n, text in enumerate(others)]
    rows += [candidate(text * 3 + "喔", id=f"{n}:q", group=f"q{n}", labels=["临界"]) for n, text in enumerate(others)]
    found = screened(rows, mixture={"validation": 0.25})
    splits = {row.record.id: row.record.split for row in found.rows}
    assert len(splits) == len(rows)
    for n in range(len(posts)):
        assert splits[f"{n}:s"] == splits[f"{n}:r"] == splits[f"{n}:g"]
        assert splits[f"{n}:p"] == splits[f"{n}:q"]
    assert 0.18 < list(splits.values()).count("validation") / len(splits) < 0.32
    again = screened(rows[::-1], mixture={"validation": 0.25})
    assert {row.record.id: row.record.split for row in again.rows} == splits


def conversation(number: int, **changes: object) -> Candidate:
    said = [
        {"role": "user", "content": f"第{number}次和你聊，{numbered(60)[number]}"},
        {"role": "assistant", "content": "我在听"},
    ]
    row = {"text": None, "turns": said, "task": "therapy_engagement", "labels": ["clear_non_engagement"]}
    return candidate(f"c{number}", **row | {"group": f"g{number}"} | changes)


def test_conversations_are_compared_by_what_is_said_in_them() -> None:
    rows = [conversation(n) for n in range(30)]
    rows += [conversation(3, id="again"), conversation(4, id="other", labels=["clear_engagement"])]
    found = screened(rows)
    assert len(found.rows) == 29
    assert reasons(found).keys() & {"again", "made:c3"} and {"made:c4", "other"} <= reasons(found).keys()
    held = conversation(7).record.turns
    assert held is not None
    left = screened(rows, [text_key(held[0].content)])
    assert reasons(left)["made:c7"] == "the post is in a held-out test set"


def test_posts_that_differ_by_a_masked_name_are_the_same_post() -> None:
    rows = [candidate("@张三李四 " + LONG, id="a"), candidate("@王五赵六 " + LONG, id="b", labels=["临界"])]
    found = screened(rows)
    assert reasons(found) == dict.fromkeys("ab", "conflicting labels: the same post has others elsewhere")


def test_a_near_duplicate_of_a_held_out_post_is_found_behind_a_mask() -> None:
    found = screened(
        [candidate(NEARLY + " https://example.org/a", id="a")], heldout=[LONG + " https://example.org/b/c/d"]
    )
    assert reasons(found) == {"a": "the post is nearly one of a held-out test set"}


def test_posts_of_emoji_alone_are_different_posts() -> None:
    rows = [candidate("😀😀", id="a"), candidate("😭😭", id="b", labels=["临界"])]
    rows += [candidate("💀💀💀", id="c", labels=["不安全"])]
    assert kept(screened(rows)) == ["a", "b", "c"]


def test_sources_that_divide_themselves_never_put_a_post_on_both_sides() -> None:
    rows = [candidate(id="train", by_post=False, labels=["安全"])]
    rows += [candidate(id="validation", by_post=False, split="validation", task="risk_category", labels=[])]
    rows += [candidate(POSTS[1], id="other", by_post=False)]
    found = screened(rows)
    assert {row.record.id: row.record.split for row in found.rows} == {"validation": "validation", "other": "train"}
    assert reasons(found) == {"train": "the post, its group or a post like it is in the validation split"}


def test_a_post_that_another_source_binds_to_training_is_not_put_aside() -> None:
    posts = numbered(40)
    bound = [
        candidate(text, id=f"{n}:b", by_post=False, task="risk_category", labels=[]) for n, text in enumerate(posts)
    ]
    free = [candidate(text, id=f"{n}:f") for n, text in enumerate(posts)]
    found = screened(bound + free, mixture={"validation": 0.9})
    assert {row.record.split for row in found.rows} == {"train"}
