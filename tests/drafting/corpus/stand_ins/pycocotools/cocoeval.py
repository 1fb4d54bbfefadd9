class COCOeval:
    def __init__(self, iouType):
        pass

    def summarize(self):
        line = " {:<18} {} @[ IoU={:<9} | area={:>6s} | maxDets={:>3d} ] = {:0.3f}"
        print(line.format("Average Precision", "(AP)", "0.50:0.95", "all", 100, 0.421))
        print(line.format("Average Precision", "(AP)", "0.50", "all", 100, 0.621))
