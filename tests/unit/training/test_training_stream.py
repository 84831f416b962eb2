"""Training on examples made on demand: the same bits however they come, and errors that arrive."""

from __future__ import annotations

import threading
from pathlib import Path

import jax
import numpy as np
import optax
import pytest
from test_training_checkpoint import assert_same

import kernelc as kc
from kernelc.data import Rows, Stream, arrays, augmented, imagenet


ADAM = optax.adam(1e-2)


def flat_model() -> kc.Model:
    x = kc.Input((6,))
    net = kc.Network(x, kc.chain(kc.Dense(8), kc.Activation("tanh"), kc.Dense(3))(x))
    return kc.lower(net, key=jax.random.key(0))


def held() -> kc.data.Dataset:
    x = np.random.default_rng(0).normal(size=(60, 6)).astype(np.float32)
    return arrays(x[:50], np.argmax(x[:50, :3], 1), x[50:], np.argmax(x[50:, :3], 1))


def made(noise: float = 0.0, depends: tuple[str, ...] = ()) -> Stream:
    data = held()

    def train(rows, draw):
        x = data.train_x[rows]
        return x if draw is None else x + noise * draw.normal(size=x.shape)

    def test(rows, draw):
        assert draw is None
        return data.test_x[rows]

    return Stream(
        train,
        data.train_y,
        test=test,
        test_y=data.test_y,
        shape=(6,),
        name="made",
        classes=3,
        depends=depends,
    )


def run(data, folder: Path | None = None, stop_at: int | None = None, **options) -> kc.FitResult:
    return kc.fit(
        flat_model(),
        data,
        callback=None if stop_at is None else lambda record, *_: record.step >= stop_at,
        checkpoint=folder,
        progress=False,
        **{"optimizer": ADAM, "steps": 9, "batch_size": 20, "eval_every": 4, "key": 3, **options},
    )


@pytest.mark.parametrize("optimizer", ["adam", "kfac"])
def test_a_stream_trains_like_the_arrays_it_is_of(optimizer: str) -> None:
    chosen = ADAM if optimizer == "adam" else kc.kfac(0.03, damping=0.1)
    assert_same(run(made(), optimizer=chosen), run(held(), optimizer=chosen))


def test_bits_are_the_same_again_and_after_a_stop(tmp_path: Path) -> None:
    whole = run(made(0.5))
    assert_same(run(made(0.5)), whole)
    assert not np.array_equal(whole.losses, run(made()).losses)
    assert run(made(0.5), tmp_path, stop_at=4).steps == 4
    assert_same(run(made(0.5), tmp_path), whole)
    with pytest.raises(kc.LoadError, match="training examples"):
        run(made(0.5, depends=("other files",)), tmp_path)


def test_every_step_draws_anew_and_bits_do_not_depend_on_how_many_are_dispatched() -> None:
    draws: dict[int, list[float]] = {}

    def make(rows, draw):
        if draw is not None:
            draws.setdefault(round(float(draw.random()) * 1e9), []).append(1)
        return held().train_x[rows]

    x, y = held().train_x, held().train_y
    run((Rows(make, x.shape, "counted"), y), steps=9)
    assert len(draws) == 9
    assert all(len(times) == 1 for times in draws.values())


def test_evaluation_makes_every_example_once() -> None:
    asked: list[int] = []

    def make(rows, draw):
        asked.extend(rows.tolist())
        return held().train_x[rows]

    x, y = held().train_x, held().train_y
    metrics = kc.evaluate(flat_model(), Rows(make, x.shape, "counted"), y, batch_size=20)
    # One before that shows the model the shape.
    assert asked == [0, *range(50)]
    plain = kc.evaluate(flat_model(), x, y, batch_size=20)
    assert metrics == plain


@pytest.mark.parametrize("part", ["train", "test"])
def test_an_example_that_is_not_finite_ends_the_run_with_an_error(part: str) -> None:
    data = held()

    def broken(x):
        return lambda rows, draw: np.where(rows[:, None] == 7, np.nan, x[rows])

    makers = {
        "train": lambda rows, draw: data.train_x[rows],
        "test": lambda r, draw: data.test_x[r],
    }
    makers[part] = broken(getattr(data, f"{part}_x"))
    bad = Stream(
        makers["train"],
        data.train_y,
        test=makers["test"],
        test_y=data.test_y,
        shape=(6,),
        name="made",
        classes=3,
    )
    with pytest.raises(kc.DataError, match=f"{part}_x: example 7"):
        run(bad)
    assert not _workers()


def test_an_error_of_the_background_thread_reaches_the_caller() -> None:
    data, calls = held(), []

    def make(rows, draw):
        calls.append(threading.current_thread().name)
        if len(calls) == 4:
            raise OSError("the disk is gone")
        return data.train_x[rows]

    x = Rows(make, data.train_x.shape, "files")
    with pytest.raises(kc.DataError, match="files\nFound: OSError: the disk is gone") as caught:
        run((x, data.train_y))
    assert isinstance(caught.value.__cause__, OSError)
    # The first call is the check before the first step.
    assert all(name.startswith("kernelc-data") for name in calls[1:])
    assert not _workers()


def _workers() -> list[threading.Thread]:
    return [each for each in threading.enumerate() if each.name.startswith("kernelc-data")]


def test_a_stream_of_another_shape_is_refused_before_the_first_step() -> None:
    x, y = np.zeros((4, 4, 4, 1)), np.arange(4) % 2
    wide = arrays(x, y, x, y)
    with pytest.raises(kc.DataError, match="shape"):
        run(augmented(wide, pad=1), batch_size=4)
    with pytest.raises(kc.DataError, match="one target"):
        run((made().train_x, np.zeros(3, int)))


def test_photographs_train_and_resume(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image", reason="pip install 'kernelc[data]'")
    draw = np.random.default_rng(0)
    for part in ("train", "val"):
        for each, level in (("n1", 60), ("n2", 190)):
            folder = tmp_path / part / each
            folder.mkdir(parents=True)
            for number in range(4):
                pixels = draw.integers(level - 50, level + 50, (24, 20, 3)).astype(np.uint8)
                image.fromarray(pixels).save(folder / f"{number}.JPEG")
    data = imagenet(tmp_path, size=8, threads=2)
    x = kc.Input((8, 8, 3))
    layers = kc.chain(kc.Conv(4, 3), kc.Activation("tanh"), kc.GlobalMeanPool(), kc.Dense(2))
    net = kc.lower(kc.Network(x, layers(x)), key=jax.random.key(0))

    def fit(folder=None, steps=4):
        return kc.fit(
            net,
            data,
            optimizer=ADAM,
            steps=steps,
            batch_size=4,
            eval_every=2,
            checkpoint=folder,
            progress=False,
        )

    whole = fit()
    assert (whole.steps, whole.train.count, whole.test and whole.test.count) == (4, 8, 8)
    fit(tmp_path / "run", steps=2)
    assert_same(fit(tmp_path / "run"), whole)
