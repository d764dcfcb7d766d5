"""What is said of ratings, in both languages."""

from mentalglm.tasks import Bilingual

NOTES = {
    "one_source": Bilingual(zh="只有一个来源，没有可比的。", en="one source alone: nothing to compare."),
    "all_equal": Bilingual(zh="所有评分都相同，混合模型无从估计。", en="all ratings are equal: no mixed model."),
    "one_rater": Bilingual(
        zh="只有一位评分人：混合模型不含评分人的截距，也没有一致性可言。",
        en="one rater alone: the mixed model has no intercept of raters, and there is no agreement to measure.",
    ),
    "one_item": Bilingual(
        zh="只有一个帖子：混合模型不含帖子的截距。", en="one post alone: the mixed model has no intercept of posts."
    ),
    "two_raters": Bilingual(
        zh="只有两位评分人：评分人之间的标准差估计得很粗。", en="two raters tell little of how much raters vary."
    ),
    "no_spread": Bilingual(
        zh="帖子或评分人的截距方差估计为 0（边界）。",
        en="the variance of posts' or raters' intercepts is estimated as 0, its boundary.",
    ),
    "not_fitted": Bilingual(
        zh="混合模型没有收敛或标准误无法定义，不报告；请看 Wilcoxon 检验。",
        en="the mixed model did not converge or has no standard errors; see Wilcoxon's test instead.",
    ),
}
