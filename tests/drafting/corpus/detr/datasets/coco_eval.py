from pycocotools.cocoeval import COCOeval


class CocoEvaluator(object):
    def __init__(self, iou_types):
        self.coco_eval = {iou_type: COCOeval(iouType=iou_type) for iou_type in iou_types}

    def summarize(self):
        for iou_type, coco_eval in self.coco_eval.items():
            print("IoU metric: {}".format(iou_type))
            coco_eval.summarize()
