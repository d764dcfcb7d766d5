"""What the report calls things, in both languages."""

from eval.explanations import wording as explanations
from mentalglm.tasks import Bilingual

METRICS = {
    "f1": Bilingual(zh="正类 F1", en="F1, positive class"),
    "precision": Bilingual(zh="正类精确率", en="Precision, positive class"),
    "recall": Bilingual(zh="灵敏度（召回率）", en="Sensitivity (recall)"),
    "specificity": Bilingual(zh="特异度", en="Specificity"),
    "auroc": Bilingual(zh="AUROC", en="AUROC"),
    "auprc": Bilingual(zh="AUPRC", en="AUPRC"),
    "brier": Bilingual(zh="Brier 分数（越小越好）", en="Brier score (lower is better)"),
    "calibration_error": Bilingual(zh="校准误差 ECE（越小越好）", en="Calibration error, ECE (lower is better)"),
    "area_under_risk": Bilingual(zh="风险–覆盖曲线下面积（越小越好）", en="Area under risk–coverage (lower is better)"),
    "quadratic_kappa": Bilingual(zh="二次加权 κ", en="Quadratic-weighted κ"),
    "mae": Bilingual(zh="平均绝对误差（级，越小越好）", en="Mean absolute error (levels, lower is better)"),
    "accuracy": Bilingual(zh="准确率", en="Accuracy"),
    "micro_f1": Bilingual(zh="微平均 F1", en="Micro F1"),
    "macro_f1": Bilingual(zh="宏平均 F1", en="Macro F1"),
    "weighted_f1": Bilingual(zh="加权 F1", en="Weighted F1"),
    "sample_f1": Bilingual(zh="逐帖 F1", en="Per-post F1"),
    "exact_match": Bilingual(zh="标签完全一致", en="Exact match of labels"),
    "parent_micro_f1": Bilingual(zh="父类微平均 F1", en="Micro F1, parents"),
    "parent_macro_f1": Bilingual(zh="父类宏平均 F1", en="Macro F1, parents"),
    "pooled_micro_f1": Bilingual(zh="父子合并微平均 F1", en="Micro F1, both levels pooled"),
    "pooled_macro_f1": Bilingual(zh="父子合并宏平均 F1", en="Macro F1, both levels pooled"),
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
PREDICTED_P = Bilingual(zh="模型给出的概率", en="predicted probability")
TRUE_SHARE = Bilingual(zh="实际比例", en="share that holds")
COVERAGE = Bilingual(zh="作答比例（先答最有把握的）", en="share answered, surest first")
RISK = Bilingual(zh="作答中的错误率", en="error rate among them")
SHARE_READ = Bilingual(zh="阅读比例（先读最可疑的）", en="share read, most alarming first")
RECALL = Bilingual(zh="找到的正类比例", en="recall")
GOLD_AXIS = Bilingual(zh="标注", en="gold")
MODEL_AXIS = Bilingual(zh="模型", en="model")
SCORE = Bilingual(zh="分数", en="score")
F1 = Bilingual(zh="F1", en="F1")
INTERVALS = Bilingual(zh="，95% 区间", en=", 95% interval")
TEMPLATE_NAME = Bilingual(zh="模板（每个标签一条固定解释）", en="template (one constant explanation per label)")
# What a suite's task is left out for.
ABSENT = {
    "untaught": Bilingual(zh="模型没有学过这项任务", en="the model was not taught it"),
    "no_files": Bilingual(zh="数据文件不在", en="its files are not there"),
    "unsuited": Bilingual(zh="这个基线不适用", en="this baseline cannot answer it"),
    "no_training_rows": Bilingual(zh="没有可供学习的训练样本", en="there are no training rows to learn from"),
}
TEMPLATE = "template_"
# Measures of explanations that are computed together, where they are not named after one of them.
BLOCKS = {
    "explanations": Bilingual(zh="解释", en="explanations"),
    "rouge_words": Bilingual(zh="ROUGE（按词）", en="ROUGE (words)"),
    "rouge_chars": Bilingual(zh="ROUGE（按字）", en="ROUGE (characters)"),
    "bert_score": Bilingual(zh="BERTScore", en="BERTScore"),
    "bart_score": Bilingual(zh="BARTScore", en="BARTScore"),
    "evidence": Bilingual(zh="依据的 IoU", en="IoU of evidence"),
    "labelled_evidence": Bilingual(zh="依据与标签的 IoU", en="IoU of evidence with label"),
}
LENGTH = Bilingual(zh="长度（字）", en="Length (characters)")
LANGUAGE = Bilingual(zh="语言", en="Language")
LANGUAGES = {
    "zh": Bilingual(zh="中文", en="Chinese"),
    "mixed": Bilingual(zh="中文夹其他文字", en="Chinese mixed with others"),
    "other": Bilingual(zh="其他", en="other"),
    "–": Bilingual(zh="没有文字", en="no letters"),
}
SETTINGS = {
    "baseline": Bilingual(zh="基线", en="baseline"),
    "fine-tuned": Bilingual(zh="微调过", en="fine-tuned"),
    "zero-shot": Bilingual(zh="零样本", en="zero-shot"),
    "few-shot": Bilingual(zh="少样本", en="few-shot"),
    "fine-tuned, few-shot": Bilingual(zh="微调过，少样本", en="fine-tuned, few-shot"),
}


def metric_name(name: str) -> Bilingual:
    """What people read instead of a metric's key."""
    return METRICS.get(name) or explanations.MEASURES.get(name) or Bilingual(zh=name, en=name)


def direction(name: str) -> str:
    """``↑`` where more of a measure of explanations is better, ``↓`` where less is, nothing where neither is."""
    return "" if name in explanations.NEUTRAL else "↓" if name in explanations.LOWER_IS_BETTER else "↑"


def block_name(name: str) -> Bilingual:
    """What people read as several measures that are computed together, such as ROUGE of words."""
    if name.startswith(TEMPLATE):
        own = block_name(name.removeprefix(TEMPLATE))
        return Bilingual(zh=f"模板的{own.zh}", en=f"the template's {own.en}")
    return BLOCKS.get(name) or metric_name(name)


def lacking(why: str) -> Bilingual:
    """What a measure lacked that was not measured."""
    return explanations.LACKING.get(why, Bilingual(zh=why, en=why))
