import os
import pickle


def mkdir(path):
    os.makedirs(path, exist_ok=True)


def save_on_master(state, place):
    with open(place, "wb") as file:
        pickle.dump(state, file)
