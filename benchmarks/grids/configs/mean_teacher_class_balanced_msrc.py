# Images that show a rare class are repeated.
_base_ = '../../../configs/mean_teacher/mean_teacher_efficientnet-lite0_msrc_n40.py'  # noqa: E501
train_dataloader = dict(
    dataset=dict(
        labeled=dict(
            _delete_=True,
            type='ClassBalancedDataset',
            # Classes in fewer than 30 % of the images are rare.
            oversample_thr=0.3,
            dataset=_base_.train_dataloader.dataset.labeled)))
