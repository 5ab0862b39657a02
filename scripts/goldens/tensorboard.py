"""Writes Tests/TrainingTests/TensorBoard/EventGoldens.swift: event files of the tensorboard package.

    python3 scripts/goldens/tensorboard.py                     # makes a throw-away environment
    python3 scripts/goldens/tensorboard.py --python PYTHON     # uses one that has the package

The files' bytes are those of its protobuf messages and of its RecordWriter, and its own reader has
read them back before they are written here.
"""

import base64
import hashlib
import importlib.metadata
import io
import pathlib
import tempfile

from environment import ROOT, prepare

OUTPUT = "Tests/TrainingTests/TensorBoard"
VERSION, START = "version", "start"

# name: [(wall time, step, VERSION, START or scalars)]
FILES = {
    "training": [
        (1700000000.25, 0, VERSION),
        (1700000000.25, 1, START),
        (
            1700000001.5,
            1,
            [
                ("loss", 2.5),
                ("loss/layer_00", 0.1),
                ("loss/layer_07", 123.456),
                ("learning_rate", 1e-3),
                ("gradient_norm", 0.0),
                ("tokens_per_second", 12345.678),
                ("peak_memory_bytes", 1900000123.0),
            ],
        ),
        (1700000002.0, 300, [("loss", 1e-30), ("validation_loss", 1e300)]),
        (1700000003.0, 1 << 40, [("loss", -0.0)]),
    ],
    # Zeros and negative numbers, names of more than 127 bytes and other alphabets.
    "edges": [
        (0.0, 0, VERSION),
        (-0.5, -1, [("", 1.0)]),
        (1e-300, 127, []),
        (1.0, 128, [("größe/層" * 20, -3.25)]),
        (2.0, 16384, START),
    ],
}


def record_bytes(events):
    from tensorboard.compat.proto import event_pb2, summary_pb2
    from tensorboard.summary.writer.record_writer import RecordWriter

    file = io.BytesIO()
    writer = RecordWriter(file)
    for wall_time, step, content in events:
        event = event_pb2.Event(wall_time=wall_time, step=step)
        if content == VERSION:
            event.file_version = "brain.Event:2"
        elif content == START:
            event.session_log.status = event_pb2.SessionLog.START
        else:
            values = [
                summary_pb2.Summary.Value(tag=tag, simple_value=value) for tag, value in content
            ]
            event.summary.CopyFrom(summary_pb2.Summary(value=values))
        writer.write(event.SerializeToString())
    return file.getvalue()


def read_back(data, events):
    from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader

    with tempfile.NamedTemporaryFile(suffix=".tfevents") as file:
        file.write(data)
        file.flush()
        loaded = list(LegacyEventFileLoader(file.name).Load())
    assert len(loaded) == len(events), f"{len(loaded)} events read back of {len(events)}"
    for event, (wall_time, step, _) in zip(loaded, events):
        assert (event.wall_time, event.step) == (wall_time, step), event


def spelled(content):
    if content == VERSION:
        return ".fileVersion"
    if content == START:
        return ".sessionStart"
    return ".scalars([" + ", ".join(f'("{tag}", {value!r})' for tag, value in content) + "])"


def main():
    folder = prepare(__doc__, ["tensorboard==2.21.0", "setuptools<81"], OUTPUT)
    version = importlib.metadata.version("tensorboard")
    script = pathlib.Path(__file__).resolve()
    lines = [
        f"// Made by {script.relative_to(ROOT)} with tensorboard {version}. Do not edit.",
        "@testable import Training",
        "",
        "enum EventGoldens {",
    ]
    for name, events in FILES.items():
        data = record_bytes(events)
        read_back(data, events)
        lines += ["  // swift-format-ignore", f"  static let {name}Events: [Event] = ["]
        for wall_time, step, content in events:
            lines.append(
                f"    Event(wallTime: {wall_time!r}, step: {step}, content: {spelled(content)}),"
            )
        text = base64.b64encode(data).decode()
        lines += [
            "  ]",
            f"  /// {len(data)} bytes, SHA-256 {hashlib.sha256(data).hexdigest()}.",
            f'  static let {name} = """',
            *("    " + text[start : start + 88] for start in range(0, len(text), 88)),
            '    """',
        ]
    path = folder / "EventGoldens.swift"
    path.write_text("\n".join(lines) + "\n}\n", encoding="utf-8")
    print(f"{path.name}: {', '.join(FILES)}, with tensorboard {version}")


if __name__ == "__main__":
    main()
