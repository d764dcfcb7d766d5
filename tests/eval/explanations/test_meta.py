"""Metric meta-evaluation on invented ratings in the form of the published ones, and in one's own."""

import csv
import json
from pathlib import Path

import pytest

from eval.data import load_data
from eval.explanations.meta import correlate
from eval.explanations.rated import read_rated
from mentalglm.errors import UserError
from mentalglm.tasks import load_task
from tests.eval.commands import evaluate

SAID = "the writer says nights are long and nothing helps any more but mornings come"
WORDS = SAID.split()
ASPECTS = ("fluency", "completeness", "reliability", "overall")


def published(folder: Path, posts: int = 8) -> Path:
    """Two systems' explanations: the more of the post they say, the better they are rated."""
    folder.mkdir()
    for system, file in (("gpt-3.5-turbo", "chatgpt_data.csv"), ("curie-instruct-beta", "gpt3_data.csv")):
        with (folder / file).open("w", encoding="utf-8", newline="") as out:
            writer = csv.writer(out)
            writer.writerow(["text", "label", system, *ASPECTS])
            for i in range(posts):
                said = " ".join(WORDS[: 3 + i] if system.startswith("gpt") else WORDS[: max(1, i - 1)])
                score = min(3, i // 2)
                ratings = [f"[{score}, {score}, {max(0, score - (i % 2))}]"] * len(ASPECTS)
                writer.writerow([f"{i} {' '.join(WORDS)}", 1, said, *ratings])
    return folder


def test_the_published_form_is_read(tmp_path: Path) -> None:
    rated = read_rated([published(tmp_path / "set")])
    assert len(rated) == 16 and {row.system for row in rated} == {"gpt-3.5-turbo", "curie-instruct-beta"}
    first, later = rated[0], rated[-1]
    assert first.scores["overall"] == (0.0, 0.0, 0.0) and first.reference is None
    assert later.reference == rated[7].explanation and later.post == rated[7].post


def test_measures_that_follow_people_correlate_with_them(tmp_path: Path) -> None:
    rated = read_rated([published(tmp_path / "set")])
    result = correlate(rated, load_task("depression"), out=tmp_path / "meta.json")
    assert json.loads((tmp_path / "meta.json").read_text(encoding="utf-8")) == result
    assert list(result["subsets"]) == ["all", "gpt-3.5-turbo", "curie-instruct-beta"]
    one = result["subsets"]["gpt-3.5-turbo"]
    found = {(each["measure"], each["against"]): each for each in one["correlations"] if each["aspect"] == "overall"}
    assert one["n"] == one["posts"] == 8
    for key in (("chrf", "post"), ("rouge1_words", "post"), ("explanation_length", "none")):
        assert found[key]["spearman"]["value"] > 0.9 and found[key]["n"] == 8, key
        assert found[key]["spearman"]["low"] <= found[key]["spearman"]["value"] <= found[key]["spearman"]["high"]
        assert found[key]["kendall"]["value"] > 0.7  # ties on both sides
    assert ("chrf", "reference") not in found  # the first system is what others are held against
    assert 0.5 < found["one_rater", "people"]["spearman"]["value"] <= 1
    later = {(each["measure"], each["against"]) for each in result["subsets"]["curie-instruct-beta"]["correlations"]}
    assert ("chrf", "reference") in later and ("bleu_13a", "post") in later and ("bleu_zh", "post") not in later


def test_consistency_is_learned_from_rows_of_other_posts(tmp_path: Path) -> None:
    folder, train = published(tmp_path / "set"), tmp_path / "train.csv"
    table = folder / "chatgpt_data.csv"
    rows = list(csv.reader(table.open(encoding="utf-8", newline="")))
    # Half of the explanations argue for the wrong label, and people rate them low.
    for i, row in enumerate(rows[1:]):
        right = i % 2
        row[1], row[3:] = str(i // 2 % 2), [f"[{3 * right}, {3 * right}, {2 * right}]"] * len(ASPECTS)
        row[2] = "tears hopeless empty days" if (row[1] == "1") == bool(right) else "cheerful picnic plans and jokes"
    with table.open("w", encoding="utf-8", newline="") as out:
        csv.writer(out).writerows(rows)
    ask = 'Consider this post: "{}" Question: Does the poster suffer from depression?'
    with train.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["query", "gpt-3.5-turbo"])
        for i in range(60):
            yes = i % 2 == 0
            why = f"tears hopeless empty days {i}" if yes else f"cheerful picnic plans and jokes {i}"
            head = (
                "Yes, the poster suffers from depression." if yes else "No, the poster does not suffer from depression."
            )
            writer.writerow([ask.format(f"another post {i}"), f"{head} Reasoning: {why}"])
    done = evaluate("meta", table, "--train", train, "--out", tmp_path / "meta.json")
    assert done.exit_code == 0, done.stderr
    found = json.loads((tmp_path / "meta.json").read_text(encoding="utf-8"))["subsets"]["all"]["correlations"]
    (one,) = (each for each in found if each["measure"] == "consistency" and each["aspect"] == "overall")
    assert one["spearman"]["value"] > 0.99 and one["n"] == 8
    few = tmp_path / "few.csv"
    few.write_text("\n".join(train.read_text(encoding="utf-8").splitlines()[:9]), encoding="utf-8")
    with pytest.raises(UserError, match="too few explanations"):
        correlate(read_rated([table]), load_task("depression"), train=load_data(few, "depression", split="all").samples)


def test_a_table_of_ones_own_goes_through_the_command(tmp_path: Path) -> None:
    lines = ["post\tsaid\tgold\twho\tgood"]
    lines += [f"第{i}天睡不着\t{'睡不着' * i}\t睡不着难过\t{'甲乙'[i % 2]}\t{i}" for i in range(1, 9)]
    path = tmp_path / "own.tsv"
    path.write_text("\n".join(lines), encoding="utf-8")
    columns = ["--text", "post", "--explanation", "said", "--reference", "gold", "--system", "who", "--score", "good"]
    done = evaluate("meta", path, "--task", "suicide_risk", *columns, "--out", tmp_path / "meta.json")
    assert done.exit_code == 0 and "rougeL_chars" in done.stdout and "与参考解释比" in done.stdout
    found = json.loads((tmp_path / "meta.json").read_text(encoding="utf-8"))["subsets"]["all"]["correlations"]
    assert {each["aspect"] for each in found} == {"good"} and all(each["measure"] != "one_rater" for each in found)


def test_mistakes_are_one_line(tmp_path: Path) -> None:
    good = published(tmp_path / "set") / "gpt3_data.csv"
    bad = tmp_path / "bad.csv"
    bad.write_text(good.read_text(encoding="utf-8").replace("[0, 0, 0]", "poor", 1), encoding="utf-8")
    with pytest.raises(UserError, match=r"bad.csv, line 2, fluency: 'poor' is no number"):
        read_rated([bad])
    post = "半夜醒来三次，天亮前再也睡不着，白天什么都做不了"  # a column of words is named by mistake
    (tmp_path / "words.csv").write_text(f"text,said\n{post},好\n", encoding="utf-8")
    with pytest.raises(UserError, match="line 2, text: a text of 24 characters is no number") as refused:
        read_rated([tmp_path / "words.csv"], scores=["text"], explanation="said")
    assert post[:6] not in str(refused.value)
    (tmp_path / "damaged.xlsx").write_bytes(b"PK\x03\x04 no workbook")
    with pytest.raises(UserError, match="cannot be read as a table"):
        read_rated([tmp_path / "damaged.xlsx"])
    with pytest.raises(UserError, match="no column 'grade'; its columns are text, label"):
        read_rated([good], scores=["grade"])
    with pytest.raises(UserError, match="no CSV, TSV or XLSX file"):
        read_rated([tmp_path / "nowhere"])
    with pytest.raises(UserError, match="which column holds the explanation"):
        read_rated([good], scores=["overall"])
    with pytest.raises(UserError, match="too few to correlate"):
        read_rated([published(tmp_path / "few", posts=2)])
