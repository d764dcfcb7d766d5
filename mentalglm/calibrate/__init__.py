"""Fits what :mod:`mentalglm.calibration` stores: probabilities, thresholds and the bands of abstention."""

from mentalglm.calibrate.run import calibrate_model as calibrate_model
