class Net:
    def __init__(self, lr, dropout):
        self.lr, self.dropout = lr, dropout
