from collections import defaultdict


class SmoothedValue(object):
    def __init__(self, window_size=20, fmt=None):
        self.fmt = fmt or "{median:.4f} ({global_avg:.4f})"
        self.value = 0

    def update(self, value, n=1):
        self.value = value

    def __str__(self):
        return self.fmt.format(median=self.value, global_avg=self.value, value=self.value)


class MetricLogger(object):
    def __init__(self, delimiter="\t"):
        self.meters = defaultdict(SmoothedValue)
        self.delimiter = delimiter

    def update(self, **kwargs):
        for k, v in kwargs.items():
            self.meters[k].update(v)

    def __str__(self):
        return self.delimiter.join("{}: {}".format(name, str(meter)) for name, meter in self.meters.items())

    def add_meter(self, name, meter):
        self.meters[name] = meter

    def log_every(self, iterable, print_freq, header=None):
        header = header or ""
        for i, obj in enumerate(iterable):
            yield obj
            if i % print_freq == 0:
                print(header, "[{0}/{1}] eta: 0:00 {2}".format(i, len(iterable), str(self)))
        print("{} Total time: {} ({:.4f} s / it)".format(header, "0:00:01", 0.1))
