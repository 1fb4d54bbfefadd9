"""Which hyperparameter a name is, by whole words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpsearch.drafting.from_script.candidates import choose
from hpsearch.drafting.from_script.families import family_of
from hpsearch.drafting.from_script.heuristics import suggest
from hpsearch.drafting.from_script.setting import Setting


def family(name, default=0.01, **more):
    found = family_of(Setting(name=name, default=default, **more))
    return "" if found is None else found.name


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ("lr lr0 learning_rate learningRate LR lrate blr base_lr lr_base eta init_lr max_lr encoder_lr lr_head", "lr"),
        ("lrG actor_lr adam_lr peak_lr learning_rate_init optimizer_lr lr_backbone pi_lr", "lr"),
        ("weight_decay wd weightDecay l2 adam_weight_decay decay l2_reg", "weight_decay"),
        ("momentum beta1 beta_1 b1 adam_beta1 sgd_momentum", "momentum"),
        (
            "dropout drop_rate dropout_rate drop attn_dropout hidden_dropout_prob emb_pdrop lora_dropout p_dropout",
            "dropout",
        ),
        ("drop_path drop_path_rate stochastic_depth_prob", "drop_path"),
        ("label_smoothing smoothing label_smoothing_factor", "smoothing"),
    ],
)
def test_what_belongs_to_a_family(names, expected):
    assert {name: family(name) for name in names.split()} == dict.fromkeys(names.split(), expected)


@pytest.mark.parametrize(
    "names",
    [
        "lr_noise lr_noise_pct lr_noise_std lr_k_decay lr_cycle_mul lr_cycle_decay warmup_lr min_lr lr_min",
        "lr_mult lr_gamma lr_shrink lr_scale lr_factor lr_decay decay_lr lr_drop lr_step_size lr_warmup_decay",
        "final_lr end_lr lrf warmup_bias_lr layer_decay ema_decay model_ema_decay weight_decay_end",
        "decay_epochs decay_rate momentum_decay rate clr flr bn_momentum warmup_momentum ema_momentum",
        "momentum_teacher target_momentum teacher_momentum beta beta2 beta_schedule drop_last drop_block",
        "drop_connect drop_epochs backdrop dropped log_interval eta_min ddim_eta theta beta_eta ultra alright",
        "controller holder palette reward_smoothing_window weight_decay_schedule fp16_scale_growth",
        "scheduler_lr_type",
    ],
)
def test_what_only_sounds_like_one(names):
    assert {name: family(name) for name in names.split()} == dict.fromkeys(names.split(), "")


@pytest.mark.parametrize(
    ("name", "default", "said", "expected"),
    [
        ("decay", 5e-5, "weight decay", "weight_decay"),
        ("decay", 0.99, "decay of the moving average", ""),
        ("decay", 0.01, "learning rate decay", ""),
        ("decay", 0.9, "", ""),
        ("alpha", 0.1, "Learning rate (default: 0.1)", "lr"),
        ("alpha", 0.1, "learning rate decay", ""),
        ("alpha", 0.1, "the initial learning rate", "lr"),
        ("gamma", 0.7, "Learning rate step gamma", ""),
        ("rate", 0.7, "factor of the learning rate", ""),
    ],
)
def test_a_help_says_what_a_name_does_not(name, default, said, expected):
    assert family(name, default, help=said) == expected


def test_another_spelling_says_it_too():
    assert family("max_sentences", 8, aliases=("max-sentences", "batch-size"), type="int") == "batch"


@pytest.mark.parametrize(
    ("names", "searched"),
    [
        (("lr_base", "lr", "min_lr"), ["lr"]),
        (("blr", "lr_backbone"), ["blr"]),
        (("max_lr", "init_lr"), ["init_lr"]),
        (("max_lr", "min_lr"), ["max_lr"]),
        (("actor_lr", "critic_lr"), ["actor_lr", "critic_lr"]),
        (("lr", "actor_lr", "critic_lr"), ["lr"]),
        (("attn_dropout", "dropout"), ["dropout"]),
        (("generator.lr", "discriminator.lr"), ["generator.lr", "discriminator.lr"]),
        (("weight_decay", "norm_weight_decay"), ["weight_decay"]),
        (("batch_size", "micro_batch_size"), ["batch_size"]),
    ],
)
def test_one_of_a_family_is_searched(names, searched):
    settings = [Setting(name=name, default=4 if "batch" in name else 0.01) for name in names]
    pairs = [(setting, found) for setting in settings if (found := suggest(setting)) is not None]
    chosen = choose(pairs)
    assert [setting.name for setting, _ in pairs if setting.name not in chosen.rivals] == searched
    assert bool(chosen.doubts) == bool(chosen.rivals)


@given(st.text(max_size=12), st.floats(), st.text(max_size=12))
def test_any_name_has_at_most_one_family(name, default, said):
    setting = Setting(name=name, default=default, help=said)
    assert family_of(setting) == family_of(setting)
    assert suggest(setting) is None or suggest(setting).kind in {"loguniform", "uniform", "choice", "randint"}
