"""What a run is: where its files lie and what they say, for those who write and who read them.

    runs/<task>/<method>/seed<k>/
      pretrain/ finetune/                 launch.json config.yaml metrics.csv checkpoint.pt
      evaluate/ evaluate_pretrain/        metrics.json episodes.mp4
      diagnose/                           diagnosis.json calibration.npz

Nothing here needs torch or agents, but to open a checkpoint.
"""
