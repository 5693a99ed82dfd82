"""Configurations: every key known, every value of its type, every key explained, old names answered."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from r1v.cli.commands.train import OF_A_FOLDER, STAGES, _stage, keys_of
from r1v.core import ConfigError
from r1v.train.core.compute import device_of
from r1v.train.core.config import ModelConfig
from r1v.train.core.config_read import as_changes, changed, from_dict, keys, make, read
from r1v.train.stages.grpo import GRPOConfig
from r1v.train.stages.mpo import MPOConfig
from r1v.train.stages.sft import SFTConfig

NANO = Path(__file__).parents[3] / "examples" / "nano"


def test_file_and_changes(tmp_path: Path) -> None:
    file = tmp_path / "sft.toml"
    file.write_text('model.path = "m"\n[run]\nout = "o"\nsteps = 7\n[optim]\nlr = 1\nrates.llm = 2\n')
    changes = ["run.steps=9", "optim.schedule=cosine", 'data.families=["clock", "table"]', "curriculum=true"]
    config = read(SFTConfig, file, [*changes, "optim.rates.vision=1e-4", "data=mine.jsonl"])
    assert (config.run.steps, config.optim.lr, config.model.path) == (9, 1.0, "m")
    assert config.optim.schedule == "cosine" and config.data.families == ("clock", "table")
    assert config.curriculum.on and config.data.source == ("mine.jsonl",)
    assert config.optim.rates == {"vision": 1e-4}  # a change takes the place of the file's table


def test_keyword_arguments_name_the_end_of_a_key() -> None:
    config = make(GRPOConfig, model="m", out="o", lr=1e-4, ssb=False, reward__model="r", group=4)
    assert (config.model.path, config.optim.lr, config.ssb.on, config.reward.model) == ("m", 1e-4, False, "r")
    again = changed(config, steps=3, ssb__mix=0.25)
    assert (again.run.steps, again.ssb.mix, again.optim.lr) == (3, 0.25, 1e-4)
    with pytest.raises(ConfigError, match=r"did you mean rollout\.max_tokens\?"):
        make(GRPOConfig, model="m", out="o", max_token=3)


def test_the_words_of_a_configuration_give_it_back() -> None:
    config = make(
        GRPOConfig, model="m m", out="o", lr=1e-7, families=("a", "b"), ssb=False, rates={"llm": 1e-5},
        reward__model="r", updates=2, train=(), lora=("llm",),
    )  # fmt: skip
    assert read(GRPOConfig, None, as_changes(config)) == config


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        (["stepz=3"], "stepz"),
        (["run.steps=many"], "steps"),
        (["run.steps=true"], "steps"),
        (["run.steps=0"], "steps"),
        (["model.train=[\"head\"]"], "head"),
        (["model.train=[]"], "model.train is empty"),
        (["optim.schedule=linear"], "linear"),
        (["optim.decay_share=1.5"], "decay_share"),
        (["optim.lr=nan"], "lr is nan"),
        (["optim.rates.head=1"], "head"),
        (["run.steps"], "key=value"),
        (["optim.batch_size=2", "optim.micro_batches=3"], "micro_batches"),
    ],
)  # fmt: skip
def test_a_bad_value_is_named(changes: list[str], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        read(SFTConfig, None, ["model=m", "run.out=o", *changes])


@pytest.mark.parametrize(
    ("kind", "old", "new"),
    [
        (SFTConfig, "lr", "optim.lr"), (SFTConfig, "out", "run.out"), (SFTConfig, "steps", "run.steps"),
        (SFTConfig, "families", "data.families"), (GRPOConfig, "ssb_mix", "ssb.mix"),
        (GRPOConfig, "reward_model", "reward.model"), (GRPOConfig, "alarm_empty", "alarms.empty"),
        (GRPOConfig, "vllm_at", "rollout.vllm_at"), (MPOConfig, "heldout_questions", "data.heldout"),
        (SFTConfig, "learning_rate", "optim.lr"), (GRPOConfig, "num_generations", "rollout.group"),
        (GRPOConfig, "kl", "loss.kl"), (GRPOConfig, "max_tokens", "rollout.max_tokens"),
    ],
)  # fmt: skip
def test_an_old_key_is_refused_with_its_new_name(kind: type[Any], old: str, new: str) -> None:
    with pytest.raises(ConfigError, match=f"^{old} is not a key of r1v train .*; write {new}$"):
        read(kind, None, ["model=m", "run.out=o", f"{old}=1"])


TEXT = """# two groups
model.path = "m"
[run]
out = "o"
stepz = 7

[ optim ]
"lr" = "fast"
rates.llm = -2
"""


@pytest.mark.parametrize(
    ("text", "changes", "said"),
    [
        (TEXT, [], "run.stepz is not a key of r1v train sft ({file}, line 5); did you mean run.steps? r1v "
                   "train sft --help lists every key"),
        (TEXT.replace("stepz", "steps"), [], "optim.lr is 'fast'; it must be a number ({file}, line 8)"),
        (TEXT.replace("stepz", "steps").replace('"fast"', "1"), [],
         "optim.rates.llm is -2.0; it must be at least 0 ({file}, line 9)"),
        ("", ["model=m", "run.out=o", "optim.lrr=3"],
         "optim.lrr is not a key of r1v train sft (argument 'optim.lrr=3'); did you mean optim.lr? r1v train "
         "sft --help lists every key"),
        ("", ["zebra=3"],
         "zebra is not a key of r1v train sft (argument 'zebra=3'); r1v train sft --help lists every key"),
        ("", ["model=m", "run.out=o", "data.direct_share=2"],
         "data.direct_share is 2.0; it must be at least 0 and at most 1 (argument 'data.direct_share=2')"),
        ("", ["model=m", "run.out=o", "data.heldout=1.5"],
         "data.heldout is 1.5; it must be a whole number (argument 'data.heldout=1.5')"),
        ("", [], "r1v train sft needs model.path and run.out"),
    ],
)  # fmt: skip
def test_the_place_and_the_nearest_names_are_said(
    text: str, changes: list[str], said: str, tmp_path: Path
) -> None:
    file = tmp_path / "sft.toml"
    file.write_text(text)
    with pytest.raises(ConfigError) as error:
        read(SFTConfig, file, changes)
    assert str(error.value) == said.format(file=file)


def test_a_device_that_does_not_exist_is_named() -> None:
    for name in ("tpu", "cuda:x", "", "meta"):
        with pytest.raises(ConfigError, match=f"run.device is {name!r}; use cpu, cuda, or cuda:1"):
            device_of(name, "run.device")
    with pytest.raises(ConfigError, match=r"run\.device is cuda:99, but PyTorch finds .* CUDA device"):
        device_of("cuda:99", "run.device")
    assert device_of("cpu", "run.device").type == "cpu"


def test_the_stage_is_named_where_two_have_the_same_keys() -> None:
    with pytest.raises(ConfigError, match=r"prompt is not a key of r1v train pool .*did you mean prompts"):
        read(GRPOConfig, None, ["prompt=1"], stage="pool")


def test_a_missing_key_and_a_missing_or_broken_file_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"model\.path"):
        read(SFTConfig, None, ["run.out=o"])
    with pytest.raises(ConfigError, match=r"none\.toml"):
        read(SFTConfig, tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("steps = = 3")
    with pytest.raises(ConfigError, match="not TOML"):
        read(SFTConfig, tmp_path / "bad.toml")


@pytest.mark.parametrize("stage", [name for name in STAGES if name not in OF_A_FOLDER])
def test_every_key_has_a_meaning_and_stands_in_the_help(stage: str) -> None:
    kind = _stage(stage)[0]
    said = keys_of(stage)
    for each in keys(kind):
        assert len(each.meaning) > 3 and each.name in said, each.name


def test_a_key_to_allow_is_known(run_r1v: Any) -> None:
    status, _, err = run_r1v("train", "sft", "model=m", "run.out=o", "--allow", "optim.lrr")
    assert (
        status == 1
        and "optim.lrr is not a key of r1v train sft (--allow optim.lrr); did you mean optim.lr?" in err
    )


def test_help_of_a_stage(run_r1v: Any) -> None:
    status, out, _ = run_r1v("train", "grpo", "--help")
    assert status == 0 and "optim.lr" in out and "1e-06" in out and "AdamW's peak learning rate" in out


@pytest.mark.parametrize("file", sorted(NANO.glob("*.toml")), ids=lambda path: path.stem)
def test_the_shipped_configurations_are_read(file: Path) -> None:
    stage = file.stem.partition("-")[0]
    from_dict(_stage(stage)[0], tomllib.loads(file.read_text()))


def test_a_model_is_spread_in_one_way() -> None:
    with pytest.raises(ConfigError, match=r"replicate and"):
        ModelConfig(path="r1v-nano", replicate=True, hsdp=True)


def test_the_key_that_is_too_small_is_named_with_its_group() -> None:
    for name, value in (
        ("data.workers", -1),
        ("optim.batch_size", 0),
        ("run.steps", 0),
        ("data.prefetch", 0),
    ):
        with pytest.raises(ConfigError, match=rf"^{name} is {value}; it must be at least"):
            read(SFTConfig, None, ["model.path=m", "run.out=o", f"{name}={value}"])
    assert read(SFTConfig, None, ["model.path=m", "run.out=o", "data.workers=0"]).data.workers == 0
