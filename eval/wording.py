"""What the report calls things, in both languages."""

from mentalglm.tasks import Bilingual

METRICS = {
    "f1": Bilingual(zh="正类 F1", en="F1, positive class"),
    "precision": Bilingual(zh="正类精确率", en="Precision, positive class"),
    "recall": Bilingual(zh="灵敏度（召回率）", en="Sensitivity (recall)"),
    "specificity": Bilingual(zh="特异度", en="Specificity"),
    "auroc": Bilingual(zh="AUROC", en="AUROC"),
    "quadratic_kappa": Bilingual(zh="二次加权 κ", en="Quadratic-weighted κ"),
    "mae": Bilingual(zh="平均绝对误差（级，越小越好）", en="Mean absolute error (levels, lower is better)"),
    "accuracy": Bilingual(zh="准确率", en="Accuracy"),
    "micro_f1": Bilingual(zh="微平均 F1", en="Micro F1"),
    "macro_f1": Bilingual(zh="宏平均 F1", en="Macro F1"),
    "weighted_f1": Bilingual(zh="加权 F1", en="Weighted F1"),
    "sample_f1": Bilingual(zh="逐帖 F1", en="Per-post F1"),
    "exact_match": Bilingual(zh="标签完全一致", en="Exact match of labels"),
    "parent_micro_f1": Bilingual(zh="父类微平均 F1", en="Micro F1, parents"),
    "evidence_f1": Bilingual(zh="依据 F1（按字）", en="Evidence F1 (characters)"),
    "evidence_precision": Bilingual(zh="依据精确率（按字）", en="Evidence precision (characters)"),
    "evidence_recall": Bilingual(zh="依据召回率（按字）", en="Evidence recall (characters)"),
    "labelled_evidence_f1": Bilingual(zh="依据与标签 F1（按字）", en="Evidence with label, F1"),
    "labelled_evidence_precision": Bilingual(zh="依据与标签精确率", en="Evidence with label, precision"),
    "labelled_evidence_recall": Bilingual(zh="依据与标签召回率", en="Evidence with label, recall"),
    "parse_rate": Bilingual(zh="可解析率", en="Parse rate"),
}
NO_ANSWER = Bilingual(zh="无答案", en="no answer")
GOLD = Bilingual(zh="行：标注", en="rows: gold")
PREDICTED = Bilingual(zh="列：模型", en="columns: model")


def metric_name(name: str) -> Bilingual:
    """What people read instead of a metric's key."""
    return METRICS.get(name, Bilingual(zh=name, en=name))
