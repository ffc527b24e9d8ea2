"""The section of a report that foretells the shake-up: who may swap places, because of what, and what to do."""

from typing import Any

from experiments.drawing.page import Content, Raw, figure, interval_bar, joined, table, tag
from experiments.drawing.shakeup_figures import MAX_MODELS, cause_bars, flip_heatmap, gain_bars
from experiments.forecast import FILE
from experiments.run_folder import RunFolder
from experiments.showing.wording import left_out_text
from trashseg_core.disk.files import read_json


def shakeup_section(run: RunFolder) -> dict[str, Raw]:
    """The section by its title, from `stability.json`; none where that is missing.

    Raises:
        BadInput: the file is damaged.
    """
    if not (run.path / FILE).is_file():
        return {}
    document = read_json(run.path / FILE)
    blocks = [tag("p", _verdict(document)), _leaderboard(document)]
    if len(document["models"]) > 1:
        blocks += [
            tag("h3", "How likely public and private board order two models differently"),
            figure(flip_heatmap(document), "flips"),
            tag("h3", "Which classes shake the board"),
            tag("p", _about_causes(document), "faint"),
            figure(cause_bars(document), "causes"),
        ]
    blocks += [tag("h3", "What more labels may buy"), *_label_gain(document), *_backtest(run)]
    return {"Shake-up": joined(*blocks)}


def _backtest(run: RunFolder) -> list[Raw]:
    """Which rule chose the ensemble, and by how much it was better; nothing where no backtest was made."""
    evidence = run.ensemble.evidence if run.ensemble is not None else []
    tested = next((row["rows"] for row in evidence if "rows" in row), None)
    if tested is None:
        return []
    rows: list[list[Content]] = []
    for row in tested:
        scores = [f"{row[name]:.4f}" for name in ("private", "worst_decile")]
        rows.append([row["rule"], *scores, f"{row['rank']:.2f}", f"{row['behind']:+.4f} ± {row['error']:.4f}"])
    winner = next(number for number, row in enumerate(tested) if row["error"] == 0 == row["behind"])
    note = "Val photos were dealt into val, public and private thirds many times; each rule chose on the first third."
    header = ["rule", "private mIoU", "worst decile", "mean rank", "behind the chosen rule"]
    return [
        tag("h3", "Which rule chooses the ensemble"),
        tag("p", note, "faint"),
        table(header, rows, best=winner),
    ]


def _verdict(document: dict[str, Any]) -> str:
    """The forecast in words."""
    pair, scored = document["pair"], document["photos"]
    words = [f"Foretold for {document['test_size']} test photos, half of them public, from {scored} val photos."]
    if document["spearman"] is not None:
        mean, low, high = document["spearman"]
        words.append(
            f"Public and private board will agree to a rank correlation of {mean:.2f} ({low:.2f} to {high:.2f} in nine "
            f"of ten cases); to {document['spearman_stratified']:.2f} on average if rare classes are dealt evenly."
        )
    if pair["bold"] is not None:
        gain = pair["expected_best"] - pair["expected_safe"]
        words.append(
            f"Where the better of two submissions counts, hand in {pair['safe']}, the safest, and {pair['bold']}: "
            f"together they are expected to reach {gain:.4f} more than {pair['safe']} alone."
        )
    return " ".join(words)


def _leaderboard(document: dict[str, Any]) -> Raw:
    models, flips = document["models"][:MAX_MODELS], document["flips"]
    bounds = [bound for one in models for bound in one["interval"]]
    rows: list[list[Content]] = []
    for number, one in enumerate(models):
        low, high = one["interval"]
        down, _, up = one["private_minus_public"]
        bar = interval_bar(low, one["miou"], high, (min(bounds), max(bounds)))
        swap = f"{100 * flips[number][number + 1]:.0f} %" if number + 1 < len(flips) else None
        test = " to ".join(f"{bound:.3f}" for bound in one.get("test_interval", ()))  # older files have none
        scores: list[Content] = [f"{one['miou']:.4f}", bar, f"{one['true_miou']:.4f}", test]
        scores.append(f"{down:+.3f} to {up:+.3f}")
        rows.append([number + 1, one["name"], *scores, swap])
    note = (
        "The interval holds the score on all photos of this kind in nine of ten cases. On the test set it is wider: "
        "those photos have luck of their own. Expected: drawn towards the other models as far as the gaps may be luck. "
        "The ensemble stands with its held-out score."
    )
    if left_out := document.get("left_out"):
        note += f" {left_out_text(left_out)}"
    header = ["#", "model", "val_miou", "90 % interval", "expected", "on the test set", "private - public"]
    header.append("swaps with the next")
    return joined(tag("p", note, "faint"), table(header, rows))


def _about_causes(document: dict[str, Any]) -> str:
    ranked = sorted((one for one in document["causes"] if one["share"] is not None), key=lambda one: -one["share"])
    rule = (
        "A class's share is its Shapley value: what its luck alone takes from the rank correlation, averaged over all "
        "orders in which the classes' luck may strike. The shares sum to 100 %."
    )
    if not ranked:
        return rule
    first = ranked[0]
    share = f"{100 * first['share']:.0f} %"
    return f"{first['name']} causes {share} of your shake-up, with {first['photos']} val photos. {rule}"


def _label_gain(document: dict[str, Any]) -> list[Raw]:
    """What twice the training objects of a class may add, and how sure that is."""
    gain = document["gain"]
    if gain is None:
        reason = "Unknown: it takes the training file, and four classes with different numbers of objects."
        return [tag("p", reason, "faint")]
    low, middle, high = gain["slope"]
    doubt = " The interval reaches below 0: the number of objects explains nothing for sure." if low <= 0 else ""
    note = (
        f"Across the classes, the logit of the best model's IoU differs by {middle:+.2f} ({low:+.2f} to {high:+.2f}) "
        f"with each doubling of the training objects, which explains {100 * gain['explained']:.0f} % of what differs "
        f"between classes.{doubt} Classes are compared with each other: one may be hard for another reason."
    )
    return [tag("p", note, "faint"), figure(gain_bars(document), "gain")]
