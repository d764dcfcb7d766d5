"""What measures of explanations are called, and why one could not be measured, in both languages."""

from mentalglm.tasks import Bilingual

# Shown by name; a measure of which less is better says so here and stands in LOWER_IS_BETTER too.
MEASURES: dict[str, Bilingual] = {
    "explained": Bilingual(zh="有解释的比例", en="Share with an explanation"),
    "bleu_zh": Bilingual(zh="BLEU（zh 分词）", en="BLEU (tokenize zh)"),
    "bleu_13a": Bilingual(zh="BLEU（13a 分词）", en="BLEU (tokenize 13a)"),
    "chrf": Bilingual(zh="chrF（按字）", en="chrF (characters)"),
    "rouge1_words": Bilingual(zh="ROUGE-1（按词）", en="ROUGE-1 (words)"),
    "rouge2_words": Bilingual(zh="ROUGE-2（按词）", en="ROUGE-2 (words)"),
    "rougeL_words": Bilingual(zh="ROUGE-L（按词）", en="ROUGE-L (words)"),
    "rouge1_chars": Bilingual(zh="ROUGE-1（按字）", en="ROUGE-1 (characters)"),
    "rouge2_chars": Bilingual(zh="ROUGE-2（按字）", en="ROUGE-2 (characters)"),
    "rougeL_chars": Bilingual(zh="ROUGE-L（按字）", en="ROUGE-L (characters)"),
    "bert_score_f1": Bilingual(zh="BERTScore F1", en="BERTScore F1"),
    "bert_score_precision": Bilingual(zh="BERTScore 精确率", en="BERTScore precision"),
    "bert_score_recall": Bilingual(zh="BERTScore 召回率", en="BERTScore recall"),
    "bert_score_rescaled": Bilingual(zh="BERTScore F1（按基线重标）", en="BERTScore F1, rescaled with baseline"),
    "bart_score_f": Bilingual(zh="BARTScore F（对数似然，至多 0）", en="BARTScore F (log-likelihood, at most 0)"),
    "bart_score_precision": Bilingual(zh="BARTScore 精确率", en="BARTScore precision"),
    "bart_score_recall": Bilingual(zh="BARTScore 召回率", en="BARTScore recall"),
    "consistency": Bilingual(
        zh="由解释找回标签（遮去标签名）", en="Label recovered from the explanation, names hidden"
    ),
    "gold_consistency": Bilingual(zh="由参考解释找回标签", en="Label recovered from the reference"),
    "consistency_ratio": Bilingual(zh="找回标签：与参考解释之比", en="Label recovered, as a ratio to the reference's"),
    "quoted_in_post": Bilingual(zh="引文确在原文的比例", en="Quoted words that are in the post, share"),
    "distinct_1": Bilingual(zh="distinct-1（每条解释内）", en="Distinct-1, within an explanation"),
    "distinct_2": Bilingual(zh="distinct-2（每条解释内）", en="Distinct-2, within an explanation"),
    "distinct_explanations": Bilingual(zh="互不相同的解释比例", en="Different explanations, share"),
    "repetition": Bilingual(
        zh="有重复六元组的解释（越少越好）", en="Explanations that repeat six words (lower is better)"
    ),
    "advice": Bilingual(zh="给出建议的解释（越少越好）", en="Explanations that advise (lower is better)"),
    "diagnosis": Bilingual(zh="作出诊断的解释（越少越好）", en="Explanations that diagnose (lower is better)"),
    "contradiction": Bilingual(
        zh="明说是另一标签的解释（越少越好）", en="Explanations that state another label (lower is better)"
    ),
    "explanation_length": Bilingual(zh="解释长度（字符）", en="Length of explanations (characters)"),
    "evidence_iou": Bilingual(zh="依据的平均最佳 IoU", en="Evidence, mean best IoU"),
    "evidence_span_f1": Bilingual(zh="依据 F1（按片段，IoU ≥ 0.5）", en="Evidence F1 (spans, IoU ≥ 0.5)"),
    "labelled_evidence_iou": Bilingual(zh="依据与标签的平均最佳 IoU", en="Evidence with label, mean best IoU"),
    "labelled_evidence_span_f1": Bilingual(
        zh="依据与标签 F1（按片段，IoU ≥ 0.5）", en="Evidence with label, F1 (spans, IoU ≥ 0.5)"
    ),
    "comprehensiveness": Bilingual(
        zh="全面性：去掉依据后概率的下降", en="Comprehensiveness: fall without the evidence"
    ),
    "sufficiency": Bilingual(
        zh="充分性：只留依据时概率的下降（越小越好）", en="Sufficiency: fall with the evidence alone (lower is better)"
    ),
    "self_consistency": Bilingual(zh="自洽性：多次作答标签一致的比例", en="Self-consistency of labels over draws"),
    "self_consistency_chrf": Bilingual(zh="自洽性：多次解释之间的 chrF", en="Self-consistency of explanations, chrF"),
}
LOWER_IS_BETTER: tuple[str, ...] = ("repetition", "advice", "diagnosis", "contradiction", "sufficiency")
# Neither direction is better, such as a length.
NEUTRAL: tuple[str, ...] = ("explanation_length",)

LACKING: dict[str, Bilingual] = {
    "labels_only": Bilingual(zh="运行时只要标签（--labels-only）", en="the run asked for labels only"),
    "explanation": Bilingual(zh="运行中没有解释的文字", en="the run holds no explanation's words"),
    "gold_explanation": Bilingual(
        zh="没有参考解释的文字（数据中没有，或按许可证不得保存）",
        en="no reference's words: the data have none, or their licence does not let the run keep them",
    ),
    "bert_score": Bilingual(zh="未指定 --bert-score MODEL", en="--bert-score MODEL was not given"),
    "baseline": Bilingual(
        zh="未指定 --bert-score，或 bert-score 没有这个模型与层的基线",
        en="no --bert-score, or bert-score has no baseline for its model and layer",
    ),
    "bart_score": Bilingual(zh="未指定 --bart-score MODEL", en="--bart-score MODEL was not given"),
    "observed": Bilingual(zh="没有写出解释，或运行早于这项测量", en="no explanation was written, or the run is older"),
    "label_recovery": Bilingual(
        zh="训练样本中带解释的不足 50 条，或不足两个标签",
        en="fewer than 50 training rows with explanations, or one label",
    ),
    "template": Bilingual(
        zh="训练样本中没有解释，或按许可证不得保存",
        en="the training rows have no explanations, or their licence does not let the run keep them",
    ),
    "gold_evidence": Bilingual(zh="数据没有标出依据", en="the data mark no evidence"),
    "many": Bilingual(zh="这项任务的依据不带标签", en="evidence of this task carries no label"),
    "probe": Bilingual(
        zh="运行时没有 --probe，或模型不给概率", en="run without --probe, or the model tells no probabilities"
    ),
}
