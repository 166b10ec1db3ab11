-- Metrics against what TorchMetrics computes of the same batches, alone and over ranks.

-- name, options, kind of batches, classes, values of forward(), value over all batches; the n-th
-- case has the seed n - 1. tests/reference/torchmetrics_record.py writes these lines.
local cases = {
-- recorded: begin
  { "Accuracy", { task = "multiclass", num_classes = 4, average = "micro" }, "labels", 4, { 0.4000000059604645, 0.0, 0.375, 0.3333333432674408 }, 0.3499999940395355 },
  { "Accuracy", { task = "multiclass", num_classes = 4, average = "micro" }, "scores", 4, { 0.6000000238418579, 0.0, 0.375, 0.0 }, 0.30000001192092896 },
  { "Precision", { task = "multiclass", num_classes = 4, average = "micro" }, "labels", 4, { 0.20000000298023224, 0.0, 0.375, 0.1666666716337204 }, 0.25 },
  { "Precision", { task = "multiclass", num_classes = 4, average = "micro" }, "scores", 4, { 0.0, 1.0, 0.125, 0.1666666716337204 }, 0.15000000596046448 },
  { "Recall", { task = "multiclass", num_classes = 4, average = "micro" }, "labels", 4, { 0.20000000298023224, 0.0, 0.25, 0.0 }, 0.15000000596046448 },
  { "Recall", { task = "multiclass", num_classes = 4, average = "micro" }, "scores", 4, { 0.20000000298023224, 1.0, 0.625, 0.5 }, 0.5 },
  { "Specificity", { task = "multiclass", num_classes = 4, average = "micro" }, "labels", 4, { 0.800000011920929, 1.0, 0.75, 0.7777777910232544 }, 0.7833333611488342 },
  { "Specificity", { task = "multiclass", num_classes = 4, average = "micro" }, "scores", 4, { 0.6666666865348816, 0.6666666865348816, 0.6666666865348816, 0.8333333134651184 }, 0.7166666388511658 },
  { "F1Score", { task = "multiclass", num_classes = 4, average = "micro" }, "labels", 4, { 0.20000000298023224, 0.0, 0.375, 0.1666666716337204 }, 0.25 },
  { "F1Score", { task = "multiclass", num_classes = 4, average = "micro" }, "scores", 4, { 0.0, 0.0, 0.5, 0.3333333432674408 }, 0.30000001192092896 },
  { "StatScores", { task = "multiclass", num_classes = 4, average = "micro" }, "labels", 4, { { 2, 3, 12, 3, 5 }, { 0, 1, 2, 1, 1 }, { 1, 7, 17, 7, 8 }, { 0, 6, 12, 6, 6 } }, { 3, 17, 43, 17, 20 } },
  { "Accuracy", { task = "multiclass", num_classes = 4, average = "micro", ignore_index = 1 }, "labels", 4, { 0.3333333432674408, 0.0, 0.20000000298023224, 0.1666666716337204 }, 0.20000000298023224 },
  { "F1Score", { task = "multiclass", num_classes = 9, average = "micro" }, "labels", 9, { 0.0, 0.0, 0.125, 0.0 }, 0.05000000074505806 },
  { "Accuracy", { task = "multiclass", num_classes = 4, average = "macro" }, "labels", 4, { 0.6666666865348816, 0.0, 0.375, 0.25 }, 0.34583336114883423 },
  { "Accuracy", { task = "multiclass", num_classes = 4, average = "macro" }, "scores", 4, { 0.25, 0.0, 0.0625, 0.3333333432674408 }, 0.3055555522441864 },
  { "Precision", { task = "multiclass", num_classes = 4, average = "macro" }, "labels", 4, { 0.5, 0.0, 0.1666666716337204, 0.125 }, 0.2083333432674408 },
  { "Precision", { task = "multiclass", num_classes = 4, average = "macro" }, "scores", 4, { 0.0833333358168602, 1.0, 0.25, 0.125 }, 0.3154762089252472 },
  { "Recall", { task = "multiclass", num_classes = 4, average = "macro" }, "labels", 4, { 0.25, 0.0, 0.125, 0.25 }, 0.25 },
  { "Recall", { task = "multiclass", num_classes = 4, average = "macro" }, "scores", 4, { 0.3333333432674408, 0.0, 0.1875, 0.15000000596046448 }, 0.2916666567325592 },
  { "Specificity", { task = "multiclass", num_classes = 4, average = "macro" }, "labels", 4, { 0.6708333492279053, 0.0, 0.6726190447807312, 0.75 }, 0.7140783071517944 },
  { "Specificity", { task = "multiclass", num_classes = 4, average = "macro" }, "scores", 4, { 0.5, 0.0, 0.8187500238418579, 0.6916667222976685 }, 0.7403879165649414 },
  { "F1Score", { task = "multiclass", num_classes = 4, average = "macro" }, "labels", 4, { 0.0833333358168602, 0.0, 0.0833333358168602, 0.0 }, 0.08116883039474487 },
  { "F1Score", { task = "multiclass", num_classes = 4, average = "macro" }, "scores", 4, { 0.3333333432674408, 1.0, 0.10000000149011612, 0.2666666805744171 }, 0.30202019214630127 },
  { "StatScores", { task = "multiclass", num_classes = 4, average = "macro" }, "labels", 4, { { 0.0, 1.25, 2.5, 1.25, 1.25 }, { 0.0, 0.25, 0.5, 0.25, 0.25 }, { 0.0, 2.0, 4.0, 2.0, 2.0 }, { 0.5, 1.0, 3.5, 1.0, 1.5 } }, { 0.5, 4.5, 10.5, 4.5, 5.0 } },
  { "Accuracy", { task = "multiclass", num_classes = 4, average = "macro", ignore_index = 1 }, "labels", 4, { 0.5, 0.0, 1.0, 0.3333333432674408 }, 0.53125 },
  { "F1Score", { task = "multiclass", num_classes = 9, average = "macro" }, "labels", 9, { 0.0833333358168602, 0.0, 0.125, 0.0 }, 0.11358024924993515 },
  { "Accuracy", { task = "multiclass", num_classes = 4, average = "weighted" }, "labels", 4, { 0.0, 0.0, 0.375, 0.5 }, 0.30000001192092896 },
  { "Accuracy", { task = "multiclass", num_classes = 4, average = "weighted" }, "scores", 4, { 0.0, 0.0, 0.375, 0.3333333432674408 }, 0.25 },
  { "Precision", { task = "multiclass", num_classes = 4, average = "weighted" }, "labels", 4, { 0.6000000238418579, 1.0, 0.3125, 0.5 }, 0.43958333134651184 },
  { "Precision", { task = "multiclass", num_classes = 4, average = "weighted" }, "scores", 4, { 0.0, 0.0, 0.375, 0.0833333358168602 }, 0.15000000596046448 },
  { "Recall", { task = "multiclass", num_classes = 4, average = "weighted" }, "labels", 4, { 0.20000000298023224, 0.0, 0.125, 0.3333333432674408 }, 0.20000000298023224 },
  { "Recall", { task = "multiclass", num_classes = 4, average = "weighted" }, "scores", 4, { 0.20000000298023224, 0.0, 0.0, 0.3333333432674408 }, 0.15000000596046448 },
  { "Specificity", { task = "multiclass", num_classes = 4, average = "weighted" }, "labels", 4, { 0.550000011920929, 0.0, 0.7261905074119568, 0.8333333730697632 }, 0.7074660658836365 },
  { "Specificity", { task = "multiclass", num_classes = 4, average = "weighted" }, "scores", 4, { 0.8166667222976685, 0.0, 0.6238095164299011, 0.7166666984558105 }, 0.7236102223396301 },
  { "F1Score", { task = "multiclass", num_classes = 4, average = "weighted" }, "labels", 4, { 0.4000000059604645, 1.0, 0.1428571492433548, 0.3888888955116272 }, 0.35735929012298584 },
  { "F1Score", { task = "multiclass", num_classes = 4, average = "weighted" }, "scores", 4, { 0.30000001192092896, 0.0, 0.125, 0.3333333432674408 }, 0.2133333384990692 },
  { "StatScores", { task = "multiclass", num_classes = 4, average = "weighted" }, "labels", 4, { { 0.800000011920929, 1.0, 2.200000047683716, 1.0, 1.7999999523162842 }, { 0.0, 0.0, 0.0, 1.0, 1.0 }, { 0.375, 1.5, 4.25, 1.875, 2.25 }, { 0.6666666865348816, 1.1666666269302368, 3.1666667461395264, 1.0, 1.6666666269302368 } }, { 1.75, 3.4000000953674316, 10.899999618530273, 3.9499998092651367, 5.699999809265137 } },
  { "Accuracy", { task = "multiclass", num_classes = 4, average = "weighted", ignore_index = 1 }, "labels", 4, { 0.25, 0.0, 0.1428571492433548, 0.1666666716337204 }, 0.1764705926179886 },
  { "F1Score", { task = "multiclass", num_classes = 9, average = "weighted" }, "labels", 9, { 0.20000000298023224, 0.0, 0.0, 0.1666666716337204 }, 0.1066666692495346 },
  { "Accuracy", { task = "multiclass", num_classes = 4, average = "none" }, "labels", 4, { { 1.0, 0.0, 0.0, 0.0 }, { 0.0, 0.0, 0.0, 1.0 }, { 0.4000000059604645, 0.0, 0.0, 0.0 }, { 0.0, 1.0, 0.0, 0.5 } }, { 0.4000000059604645, 0.3333333432674408, 0.0, 0.4000000059604645 } },
  { "Accuracy", { task = "multiclass", num_classes = 4, average = "none" }, "scores", 4, { { 0.5, 0.3333333432674408, 0.0, 0.0 }, { 0.0, 0.0, 0.0, 0.0 }, { 0.3333333432674408, 0.0, 0.0, 0.5 }, { 0.0, 0.0, 1.0, 0.0 } }, { 0.25, 0.1111111119389534, 1.0, 0.5 } },
  { "Precision", { task = "multiclass", num_classes = 4, average = "none" }, "labels", 4, { { 0.0, 0.0, 0.0, 1.0 }, { 0.0, 0.0, 0.0, 0.0 }, { 0.25, 0.0, 0.0, 0.5 }, { 0.0, 0.5, 0.0, 0.0 } }, { 0.125, 0.5, 0.0, 0.5 } },
  { "Precision", { task = "multiclass", num_classes = 4, average = "none" }, "scores", 4, { { 0.0, 0.0, 0.0, 0.0 }, { 0.0, 0.0, 0.0, 1.0 }, { 0.3333333432674408, 0.5, 1.0, 0.0 }, { 0.0, 1.0, 0.0, 0.0 } }, { 0.1428571492433548, 0.6666666865348816, 0.3333333432674408, 0.1428571492433548 } },
  { "Recall", { task = "multiclass", num_classes = 4, average = "none" }, "labels", 4, { { 1.0, 1.0, 0.0, 0.5 }, { 0.0, 0.0, 0.0, 0.0 }, { 0.0, 0.0, 0.5, 0.5 }, { 0.75, 0.0, 0.0, 0.0 } }, { 0.800000011920929, 0.3333333432674408, 0.20000000298023224, 0.4285714328289032 } },
  { "Recall", { task = "multiclass", num_classes = 4, average = "none" }, "scores", 4, { { 1.0, 0.3333333432674408, 1.0, 0.0 }, { 0.0, 0.0, 0.0, 1.0 }, { 0.6666666865348816, 0.5, 0.0, 0.0 }, { 0.0, 0.0, 0.0, 0.0 } }, { 0.5, 0.30000001192092896, 0.3333333432674408, 1.0 } },
  { "Specificity", { task = "multiclass", num_classes = 4, average = "none" }, "labels", 4, { { 0.75, 1.0, 0.800000011920929, 0.6666666865348816 }, { 0.0, 0.0, 1.0, 1.0 }, { 1.0, 0.5714285969734192, 0.6666666865348816, 0.75 }, { 0.75, 0.8333333134651184, 0.3333333432674408, 1.0 } }, { 0.8181818127632141, 0.7058823704719543, 0.6666666865348816, 0.8235294222831726 } },
  { "Specificity", { task = "multiclass", num_classes = 4, average = "none" }, "scores", 4, { { 0.6000000238418579, 0.6000000238418579, 1.0, 1.0 }, { 0.0, 1.0, 1.0, 0.0 }, { 0.7142857313156128, 0.4285714328289032, 0.75, 1.0 }, { 1.0, 1.0, 0.6000000238418579, 0.6666666865348816 } }, { 0.75, 0.625, 0.75, 0.8125 } },
  { "F1Score", { task = "multiclass", num_classes = 4, average = "none" }, "labels", 4, { { 0.5, 0.0, 0.0, 0.800000011920929 }, { 0.0, 0.0, 0.0, 1.0 }, { 0.0, 0.3333333432674408, 0.5, 0.0 }, { 0.0, 0.0, 0.0, 0.0 } }, { 0.20000000298023224, 0.2222222238779068, 0.25, 0.4615384638309479 } },
  { "F1Score", { task = "multiclass", num_classes = 4, average = "none" }, "scores", 4, { { 0.4000000059604645, 0.0, 0.0, 0.6666666865348816 }, { 0.0, 0.0, 1.0, 0.0 }, { 0.5, 0.0, 0.0, 0.5 }, { 0.0, 0.0, 0.0, 1.0 } }, { 0.3333333432674408, 0.0, 0.1538461595773697, 0.6666666865348816 } },
  { "StatScores", { task = "multiclass", num_classes = 4, average = "none" }, "labels", 4, { { { 1, 0, 3, 1, 2 }, { 1, 1, 2, 1, 2 }, { 0, 2, 2, 1, 1 }, { 0, 0, 5, 0, 0 } }, { { 0, 0, 0, 1, 1 }, { 0, 0, 1, 0, 0 }, { 0, 1, 0, 0, 0 }, { 0, 0, 1, 0, 0 } }, { { 1, 2, 4, 1, 2 }, { 0, 1, 6, 1, 1 }, { 0, 3, 3, 2, 2 }, { 0, 1, 4, 3, 3 } }, { { 1, 1, 1, 3, 4 }, { 0, 2, 4, 0, 0 }, { 0, 1, 4, 1, 1 }, { 0, 1, 4, 1, 1 } } }, { { 3, 3, 8, 6, 9 }, { 1, 4, 13, 2, 3 }, { 0, 7, 9, 4, 4 }, { 0, 2, 14, 4, 4 } } },
  { "Accuracy", { task = "multiclass", num_classes = 4, average = "none", ignore_index = 1 }, "labels", 4, { { 1.0, 0.0, 0.0, 0.0 }, { 0.0, 0.0, 0.0, 0.0 }, { 0.5, 0.0, 0.3333333432674408, 0.3333333432674408 }, { 0.0, 0.0, 0.0, 0.0 } }, { 0.6666666865348816, 0.0, 0.1111111119389534, 0.1666666716337204 } },
  { "F1Score", { task = "multiclass", num_classes = 9, average = "none" }, "labels", 9, { { 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0 }, { 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0 }, { 0.0, 0.0, 0.0, 0.5, 0.0, 0.0, 0.0, 0.0, 0.0 }, { 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0 } }, { 0.0, 0.0, 0.3333333432674408, 0.3333333432674408, 0.0, 0.0, 0.0, 0.0, 0.0 } },
  { "Accuracy", { task = "binary" }, "labels", 2, { 0.6000000238418579, 0.0, 0.5, 0.6666666865348816 }, 0.550000011920929 },
  { "Accuracy", { task = "binary" }, "probabilities", 2, { 0.4000000059604645, 1.0, 0.625, 0.1666666716337204 }, 0.44999998807907104 },
  { "Accuracy", { task = "binary" }, "logits", 2, { 0.4000000059604645, 1.0, 0.375, 0.8333333134651184 }, 0.550000011920929 },
  { "Accuracy", { task = "binary", threshold = 0.3 }, "probabilities", 2, { 1.0, 0.0, 0.75, 0.5 }, 0.699999988079071 },
  { "Precision", { task = "binary" }, "labels", 2, { 0.5, 0.0, 0.25, 0.5 }, 0.3636363744735718 },
  { "Precision", { task = "binary" }, "probabilities", 2, { 0.0, 1.0, 0.1666666716337204, 0.6000000238418579 }, 0.38461539149284363 },
  { "Precision", { task = "binary" }, "logits", 2, { 0.5, 0.0, 0.6000000238418579, 0.5 }, 0.5555555820465088 },
  { "Precision", { task = "binary", threshold = 0.3 }, "probabilities", 2, { 1.0, 0.0, 0.4000000059604645, 0.20000000298023224 }, 0.5 },
  { "Recall", { task = "binary" }, "labels", 2, { 0.3333333432674408, 1.0, 0.0, 0.3333333432674408 }, 0.30000001192092896 },
  { "Recall", { task = "binary" }, "probabilities", 2, { 0.5, 1.0, 0.5, 1.0 }, 0.7272727489471436 },
  { "Recall", { task = "binary" }, "logits", 2, { 0.6666666865348816, 0.0, 0.5, 0.25 }, 0.4000000059604645 },
  { "Recall", { task = "binary", threshold = 0.3 }, "probabilities", 2, { 1.0, 0.0, 0.6666666865348816, 1.0 }, 0.8333333134651184 },
  { "Specificity", { task = "binary" }, "labels", 2, { 1.0, 0.0, 0.75, 0.5 }, 0.6363636255264282 },
  { "Specificity", { task = "binary" }, "probabilities", 2, { 0.3333333432674408, 0.0, 0.6666666865348816, 0.6666666865348816 }, 0.5384615659713745 },
  { "Specificity", { task = "binary" }, "logits", 2, { 1.0, 0.0, 0.1666666716337204, 0.75 }, 0.4545454680919647 },
  { "Specificity", { task = "binary", threshold = 0.3 }, "probabilities", 2, { 0.0, 0.0, 0.5, 0.0 }, 0.2857142984867096 },
  { "F1Score", { task = "binary" }, "labels", 2, { 0.0, 0.0, 0.4000000059604645, 0.0 }, 0.21052631735801697 },
  { "F1Score", { task = "binary" }, "probabilities", 2, { 0.5714285969734192, 1.0, 0.5, 0.5714285969734192 }, 0.5833333134651184 },
  { "F1Score", { task = "binary" }, "logits", 2, { 0.5, 1.0, 0.2857142984867096, 0.0 }, 0.3333333432674408 },
  { "F1Score", { task = "binary", threshold = 0.3 }, "probabilities", 2, { 0.5714285969734192, 0.0, 0.6666666865348816, 0.2857142984867096 }, 0.5185185074806213 },
  { "StatScores", { task = "binary" }, "labels", 2, { { 2, 0, 2, 1, 3 }, { 1, 0, 0, 0, 1 }, { 1, 2, 4, 1, 2 }, { 2, 0, 1, 3, 5 } }, { 6, 2, 7, 5, 11 } },
  { "StatScores", { task = "binary" }, "probabilities", 2, { { 1, 2, 1, 1, 2 }, { 1, 0, 0, 0, 1 }, { 0, 3, 2, 3, 3 }, { 3, 1, 1, 1, 4 } }, { 5, 6, 4, 5, 10 } },
  { "StatScores", { task = "binary" }, "logits", 2, { { 1, 2, 1, 1, 2 }, { 0, 0, 0, 1, 1 }, { 4, 0, 1, 3, 7 }, { 1, 4, 1, 0, 1 } }, { 6, 6, 3, 5, 11 } },
  { "StatScores", { task = "binary", threshold = 0.3 }, "probabilities", 2, { { 1, 4, 0, 0, 1 }, { 1, 0, 0, 0, 1 }, { 0, 4, 3, 1, 1 }, { 4, 2, 0, 0, 4 } }, { 6, 10, 3, 1, 7 } },
  { "ConfusionMatrix", { task = "binary" }, "labels", 2, { { { 1, 1 }, { 1, 2 } }, { { 1, 0 }, { 0, 0 } }, { { 3, 1 }, { 2, 2 } }, { { 2, 1 }, { 1, 2 } } }, { { 7, 3 }, { 4, 6 } } },
  { "ConfusionMatrix", { task = "binary" }, "probabilities", 2, { { { 2, 0 }, { 2, 1 } }, { { 0, 0 }, { 0, 1 } }, { { 0, 2 }, { 2, 4 } }, { { 0, 4 }, { 0, 2 } } }, { { 2, 6 }, { 4, 8 } } },
  { "ConfusionMatrix", { task = "binary" }, "logits", 2, { { { 3, 1 }, { 1, 0 } }, { { 0, 1 }, { 0, 0 } }, { { 1, 3 }, { 1, 3 } }, { { 2, 1 }, { 1, 2 } } }, { { 6, 6 }, { 3, 5 } } },
  { "ConfusionMatrix", { task = "binary", threshold = 0.3 }, "probabilities", 2, { { { 2, 1 }, { 2, 0 } }, { { 0, 0 }, { 1, 0 } }, { { 1, 3 }, { 0, 4 } }, { { 0, 3 }, { 1, 2 } } }, { { 3, 7 }, { 4, 6 } } },
  { "FBetaScore", { task = "multiclass", num_classes = 4, beta = 2.0, average = "macro" }, "labels", 4, { 0.2857142984867096, 1.0, 0.3229166865348816, 0.1666666716337204 }, 0.37981611490249634 },
  { "Precision", { task = "multiclass", num_classes = 9, average = "none", zero_division = 1 }, "labels", 9, { { 1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 1.0, 1.0 }, { 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0, 1.0 }, { 1.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 1.0 }, { 0.0, 1.0, 1.0, 0.0, 0.0, 1.0, 0.0, 1.0, 1.0 } }, { 0.5, 0.5, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0 } },
  { "ConfusionMatrix", { task = "multiclass", num_classes = 4 }, "labels", 4, { { { 0, 0, 0, 0 }, { 0, 0, 0, 1 }, { 0, 1, 1, 1 }, { 0, 0, 0, 1 } }, { { 0, 0, 0, 0 }, { 0, 0, 0, 0 }, { 1, 0, 0, 0 }, { 0, 0, 0, 0 } }, { { 1, 1, 0, 0 }, { 0, 1, 1, 2 }, { 0, 0, 0, 0 }, { 0, 1, 0, 1 } }, { { 3, 0, 0, 0 }, { 0, 1, 1, 0 }, { 0, 0, 0, 0 }, { 0, 0, 0, 1 } } }, { { 4, 1, 0, 0 }, { 0, 2, 2, 3 }, { 1, 1, 1, 1 }, { 0, 1, 0, 3 } } },
  { "ConfusionMatrix", { task = "multiclass", num_classes = 4, normalize = "true" }, "labels", 4, { { { 0.0, 0.0, 0.3333333432674408, 0.6666666865348816 }, { 0.0, 0.0, 0.0, 0.0 }, { 0.0, 0.0, 0.0, 0.0 }, { 1.0, 0.0, 0.0, 0.0 } }, { { 0.0, 0.0, 1.0, 0.0 }, { 0.0, 0.0, 0.0, 0.0 }, { 0.0, 0.0, 0.0, 0.0 }, { 0.0, 0.0, 0.0, 0.0 } }, { { 0.5, 0.0, 0.5, 0.0 }, { 0.5, 0.5, 0.0, 0.0 }, { 0.5, 0.0, 0.5, 0.0 }, { 0.5, 0.0, 0.0, 0.5 } }, { { 0.0, 1.0, 0.0, 0.0 }, { 0.0, 0.0, 0.0, 0.0 }, { 0.25, 0.75, 0.0, 0.0 }, { 1.0, 0.0, 0.0, 0.0 } } }, { { 0.1428571492433548, 0.1428571492433548, 0.4285714328289032, 0.2857142984867096 }, { 0.5, 0.5, 0.0, 0.0 }, { 0.3333333432674408, 0.5, 0.1666666716337204, 0.0 }, { 0.800000011920929, 0.0, 0.0, 0.20000000298023224 } } },
  { "ConfusionMatrix", { task = "multiclass", num_classes = 4, normalize = "pred" }, "labels", 4, { { { 1.0, 0.0, 1.0, 0.0 }, { 0.0, 0.3333333432674408, 0.0, 0.0 }, { 0.0, 0.6666666865348816, 0.0, 0.0 }, { 0.0, 0.0, 0.0, 0.0 } }, { { 0.0, 0.0, 0.0, 0.0 }, { 0.0, 0.0, 0.0, 0.0 }, { 0.0, 1.0, 0.0, 0.0 }, { 0.0, 0.0, 0.0, 0.0 } }, { { 0.0, 0.6000000238418579, 0.5, 0.0 }, { 0.0, 0.0, 0.5, 0.0 }, { 0.0, 0.4000000059604645, 0.0, 0.0 }, { 1.0, 0.0, 0.0, 0.0 } }, { { 0.3333333432674408, 0.0, 0.0, 1.0 }, { 0.0, 0.0, 0.0, 0.0 }, { 0.0, 1.0, 1.0, 0.0 }, { 0.6666666865348816, 0.0, 0.0, 0.0 } } }, { { 0.4000000059604645, 0.30000001192092896, 0.5, 1.0 }, { 0.0, 0.10000000149011612, 0.25, 0.0 }, { 0.0, 0.6000000238418579, 0.25, 0.0 }, { 0.6000000238418579, 0.0, 0.0, 0.0 } } },
  { "ConfusionMatrix", { task = "multiclass", num_classes = 4, normalize = "all" }, "labels", 4, { { { 0.20000000298023224, 0.0, 0.0, 0.0 }, { 0.20000000298023224, 0.0, 0.20000000298023224, 0.0 }, { 0.0, 0.0, 0.0, 0.0 }, { 0.0, 0.20000000298023224, 0.0, 0.20000000298023224 } }, { { 0.0, 0.0, 0.0, 0.0 }, { 0.0, 0.0, 1.0, 0.0 }, { 0.0, 0.0, 0.0, 0.0 }, { 0.0, 0.0, 0.0, 0.0 } }, { { 0.0, 0.0, 0.125, 0.125 }, { 0.0, 0.0, 0.0, 0.25 }, { 0.0, 0.25, 0.0, 0.0 }, { 0.125, 0.0, 0.0, 0.125 } }, { { 0.0, 0.1666666716337204, 0.1666666716337204, 0.0 }, { 0.0, 0.0, 0.0, 0.3333333432674408 }, { 0.0, 0.1666666716337204, 0.0, 0.0 }, { 0.0, 0.1666666716337204, 0.0, 0.0 } } }, { { 0.05000000074505806, 0.05000000074505806, 0.10000000149011612, 0.05000000074505806 }, { 0.05000000074505806, 0.0, 0.10000000149011612, 0.20000000298023224 }, { 0.0, 0.15000000596046448, 0.0, 0.0 }, { 0.05000000074505806, 0.10000000149011612, 0.0, 0.10000000149011612 } } },
  { "AUROC", { task = "binary" }, "probabilities", 2, { 0.3333333432674408, 0.0, 0.5833333134651184, 0.3999999761581421 }, 0.3186812996864319 },
  { "AUROC", { task = "binary" }, "rounded", 2, { 0.6666666269302368, 0.0, 0.6666666865348816, 0.5555555820465088 }, 0.578125 },
  { "AUROC", { task = "binary" }, "logits", 2, { 0.3333333134651184, 0.0, 0.6666666865348816, 0.19999998807907104 }, 0.5729166865348816 },
  { "AUROC", { task = "multiclass", num_classes = 3, average = "macro" }, "scores", 3, { 0.555555522441864, 0.0, 0.5208333134651184, 0.277777761220932 }, 0.4161839187145233 },
  { "AUROC", { task = "multiclass", num_classes = 3, average = "weighted" }, "scores", 3, { 0.4333333373069763, 0.0, 0.5249999761581421, 0.3333333134651184 }, 0.5186110734939575 },
  { "AUROC", { task = "multiclass", num_classes = 3, average = "none" }, "scores", 3, { { 0.75, 0.5, 0.5 }, { 0.0, 0.0, 0.0 }, { 0.5833333730697632, 1.0, 0.7333333492279053 }, { 0.3333333432674408, 0.5, 0.7999999523162842 } }, { 0.5238094925880432, 0.515625, 0.6000000238418579 } },
  { "AveragePrecision", { task = "binary" }, "probabilities", 2, { 0.75, -0.0, 0.420634925365448, 0.6388888955116272 }, 0.5125038027763367 },
  { "AveragePrecision", { task = "binary" }, "rounded", 2, { 0.949999988079071, -0.0, 0.4583333432674408, 0.7291666865348816 }, 0.6048908829689026 },
  { "AveragePrecision", { task = "binary" }, "logits", 2, { 0.8333333730697632, -0.0, 0.36666667461395264, 0.5 }, 0.4321359395980835 },
  { "AveragePrecision", { task = "multiclass", num_classes = 3, average = "macro" }, "scores", 3, { 0.5020833611488342, 0.3333333432674408, 0.5504629611968994, 0.409722238779068 }, 0.40079355239868164 },
  { "AveragePrecision", { task = "multiclass", num_classes = 3, average = "weighted" }, "scores", 3, { 0.3933333456516266, 1.0, 0.5738095045089722, 0.31666669249534607 }, 0.37211716175079346 },
  { "AveragePrecision", { task = "multiclass", num_classes = 3, average = "none" }, "scores", 3, { { 1.0, 1.0, 1.0 }, { 0/0, 0/0, 1.0 }, { 0.8055555820465088, 0.4166666865348816, 0.35952380299568176 }, { 1.0, 1.0, 0.3333333432674408 } }, { 0.7209184169769287, 0.4721088409423828, 0.30955711007118225 } },
  { "AUROC", { task = "binary", max_fpr = 0.4 }, "probabilities", 2, { 0.5833333134651184, 0.0, 0.6458333730697632, 0.375 }, 0.5265151262283325 },
  { "AUROC", { task = "binary", max_fpr = 0.4 }, "rounded", 2, { 0.375, 0.0, 0.6861979365348816, 0.6180555820465088 }, 0.6497253179550171 },
  { "MeanSquaredError", {}, "values", 0, { 0.23094269633293152, 0.3768783509731293, 0.11982163786888123, 0.21420542895793915 }, 0.1887698769569397 },
  { "MeanSquaredError", { squared = false }, "values", 0, { 0.3768013119697571, 0.40596991777420044, 0.3601891100406647, 0.2839224338531494 }, 0.3461407721042633 },
  { "MeanAbsoluteError", {}, "values", 0, { 0.42996692657470703, 0.14747780561447144, 0.2046864628791809, 0.33625996112823486 }, 0.29761821031570435 },
  { "MeanMetric", {}, "numbers", 0, { 0.5066618919372559, 0.7967036962509155, 0.5291943550109863, 0.5019773840904236 }, 0.5287716388702393 },
  { "SumMetric", {}, "numbers", 0, { 3.224874973297119, 0.9476417303085327, 4.494089603424072, 2.836740732192993 }, 11.503347396850586 },
  { "MaxMetric", {}, "numbers", 0, { 0.9950697422027588, 0.2836170196533203, 0.989651083946228, 0.9439562559127808 }, 0.9950697422027588 },
  { "MinMetric", {}, "numbers", 0, { 0.0886496901512146, 0.8107006549835205, 0.12731283903121948, 0.03859144449234009 }, 0.03859144449234009 },
  { "CatMetric", {}, "numbers", 0, { { 0.6524695158004761, 0.7108869552612305, 0.22390514612197876, 0.269802451133728, 0.2308739423751831 }, 0.5851637721061707, { 0.6676884889602661, 0.33128219842910767, 0.3630164861679077, 0.648527979850769, 0.037754952907562256, 0.4236001968383789, 0.3689509630203247, 0.6584874391555786 }, { 0.6687710881233215, 0.010843038558959961, 0.4727352261543274, 0.2558923363685608, 0.5418388843536377, 0.8991832733154297 } }, { 0.6524695158004761, 0.7108869552612305, 0.22390514612197876, 0.269802451133728, 0.2308739423751831, 0.5851637721061707, 0.6676884889602661, 0.33128219842910767, 0.3630164861679077, 0.648527979850769, 0.037754952907562256, 0.4236001968383789, 0.3689509630203247, 0.6584874391555786, 0.6687710881233215, 0.010843038558959961, 0.4727352261543274, 0.2558923363685608, 0.5418388843536377, 0.8991832733154297 } },
  { "MeanMetric", {}, "values", 0, { 0.6567960977554321, 0.020785629749298096, 0.6227394342422485, 0.3078348636627197 }, 0.5140867233276367 },
-- recorded: end
}

local sizes = { 5, 1, 8, 6 }

local function batch_of(kind, n, classes)
  if kind == "labels" then
    local preds = torch.randint(0, classes, { n })
    return { preds, torch.randint(0, classes, { n }) }
  end
  local first
  if kind == "rounded" then
    first = torch.randint(0, 5, { n }) / 4
  elseif kind == "logits" then
    first = torch.rand(n) * 8 - 4
  elseif kind == "scores" then
    first = torch.rand(n, classes) * 6 - 3
  else
    first = torch.rand(n)
  end
  if kind == "numbers" then return { first } end
  if kind == "values" then return { first, torch.rand(n) } end
  return { first, torch.randint(0, kind == "scores" and classes or 2, { n }) }
end

local function batches_of(kind, seed, classes)
  torch.manual_seed(seed)
  local list = {}
  for i, n in ipairs(sizes) do list[i] = batch_of(kind, n, classes) end
  return list
end

local function plain(value)
  if type(value) == "userdata" then
    if #value.shape == 0 then return value:item() end
    return value:tolist()
  end
  return value
end

local function check(got, expected, what)
  got = plain(got)
  if type(expected) == "table" then
    assert(type(got) == "table" and #got == #expected, what .. ": another shape")
    for i = 1, #expected do check(got[i], expected[i], what) end
    return
  end
  if expected ~= expected then
    assert(got ~= got, string.format("%s: %s, expected NaN", what, got))
    return
  end
  assert(type(got) == "number" and math.abs(got - expected) <= 2e-6 * math.max(1, math.abs(expected)),
         string.format("%s: %s, expected %s", what, tostring(got), tostring(expected)))
end

local function each_case(f)
  for number, case in ipairs(cases) do
    local name, options, kind, classes, forwards, all = table.unpack(case)
    local what = string.format("case %d, %s on %s", number, name, kind)
    f(what, metrics[name](options), batches_of(kind, number - 1, classes), forwards, all, name)
  end
end

-- Only for itself: what other ranks have is not its business.
local function alone()
  each_case(function(what, metric, batches, forwards, all)
    metric.sync_on_compute = false
    for i, batch in ipairs(batches) do
      check(metric(table.unpack(batch)), forwards[i], what .. ", batch " .. i)
    end
    check(metric:compute(), all, what .. ", all batches")
    metric:reset()
    for _, batch in ipairs(batches) do metric:update(table.unpack(batch)) end
    check(metric:compute(), all, what .. ", by update")
    metric:reset()
    metric.full_state_update = not metric.full_state_update
    for i, batch in ipairs(batches) do
      check(metric(table.unpack(batch)), forwards[i], what .. ", the other way, batch " .. i)
    end
    check(metric:compute(), all, what .. ", the other way")
  end)
end

-- Rank r has the batches r, r + W, ...: uneven shards, none at all on ranks beyond the fourth.
local function together()
  local rank, world = dist.get_rank(), dist.get_world_size()
  each_case(function(what, metric, batches, _, all, name)
    local own = 0
    for i = rank + 1, #batches, world do
      metric:update(table.unpack(batches[i]))
      own = own + #batches[i][1]
    end
    -- A rank without samples has not that many dimensions of scores: as in the original.
    if world > #batches and (name == "AUROC" or name == "AveragePrecision") then return end
    local value = metric:compute()
    if name == "CatMetric" then
      assert(value:numel() == 20, what .. ": not all samples")
    else
      check(value, all, what .. ", over ranks")
    end
    -- Afterwards each has its own again, and the result is kept.
    assert(not metric._is_synced, what .. ": still synced")
    if name == "CatMetric" and own > 0 then
      assert(#metrics.dim_zero_cat(metric.value) == own, what .. ": not its own samples")
    end
  end)
end

-- A metric of one's own: a state of each kind.
local Spread = metrics.Metric:extend("Spread")
Spread.full_state_update = false

function Spread:init()
  self:add_state("least", tensor(math.huge), { dist_reduce_fx = "min" })
  self:add_state("most", tensor(-math.huge), { dist_reduce_fx = "max" })
  self:add_state("all", {}, { dist_reduce_fx = "cat" })
end

function Spread:update(x)
  self.least = torch.minimum(self.least, x:min())
  self.most = torch.maximum(self.most, x:max())
  self.all[#self.all + 1] = x
end

function Spread:compute() return self.most - self.least end

local function own_metric()
  local rank, world = dist.get_rank(), dist.get_world_size()
  local spread = Spread()
  for i = 1, rank + 1 do spread:update(tensor{ rank * 1.0, i / 4 }) end
  local expected = math.max(world - 1, world / 4)
  assert(spread:compute():item() == expected)
  spread:sync()
  assert(#metrics.dim_zero_cat(spread.all) == world * (world + 1) and world > 1 or world == 1)
  if world > 1 then
    local ok, text = pcall(function() return spread(tensor{ 1.0, 2.0 }) end)
    assert(not ok and text:find("shouldn't be synced"), text)
    spread:unsync()
  end
  assert(#spread.all == rank + 1)
  spread:reset()
  assert(#spread.all == 0 and spread.most:item() == -math.huge)
end

local function collection()
  local all = metrics.MetricCollection({
    metrics.Accuracy{ task = "multiclass", num_classes = 3 },
    metrics.F1Score{ task = "multiclass", num_classes = 3, average = "macro" },
  }, { prefix = "val_" })
  all:update(tensor({ 0, 1, 2, 1 }, { dtype = torch.int64 }), tensor({ 0, 1, 1, 1 }, { dtype = torch.int64 }))
  local values = all:compute()
  local names = {}
  for name in pairs(values) do names[#names + 1] = name end
  assert(table.concat(names, " ") == "val_Accuracy val_F1Score", table.concat(names, " "))
  assert(values.val_Accuracy:item() == 0.75)
  assert(all:clone({ prefix = "test_" }).prefix == "test_")
end

local function mistakes()
  local function refuses(f, text)
    local ok, message = pcall(f)
    assert(not ok and message:find(text, 1, true), message)
  end
  refuses(function() metrics.Accuracy{ task = "multilabel" } end, "expected 'binary' or 'multiclass'")
  refuses(function() metrics.Accuracy{ task = "multiclass", num_classes = 1 } end, "`num_classes` is 1")
  refuses(function() metrics.Accuracy{ task = "binary", avrage = "macro" } end, "did you mean 'average'?")
  refuses(function() metrics.F1Score{ task = "binary", average = "samples" } end, "Expected argument `average`")
  refuses(function() Spread():add_state("x", 3) end, "state variable must be a tensor or an empty list")
  refuses(function() Spread():add_state("x", tensor(0.0), { dist_reduce_fx = "median" }) end, "must be callable")
  refuses(function() Spread():unsync() end, "already been un-synced")
  refuses(function()
    metrics.Accuracy{ task = "multiclass", num_classes = 2 }:update(
      tensor({ 0, 5 }, { dtype = torch.int64 }), tensor({ 0, 1 }, { dtype = torch.int64 }))
  end, "predictions hold the label 5, expected 0 to 1")
end

return {
  title = "metrics",
  lesson = "A metric's states are reduced over the ranks, not its values.",
  world = { size = 2, backend = "gloo" },
  variants = {
    { name = "alone", main = alone, expect = { outcome = "completed" } },
    { name = "together", main = together, expect = { outcome = "completed" } },
    { name = "own_metric", main = own_metric, expect = { outcome = "completed" } },
    { name = "collection", main = collection, expect = { outcome = "completed" } },
    { name = "mistakes", main = mistakes, expect = { outcome = "completed" } },
  },
}
