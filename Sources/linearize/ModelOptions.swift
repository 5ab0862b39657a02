import ArgumentParser
import Models
import Pipeline

/// Which model: shared by the commands that run one.
struct ModelOptions: ParsableArguments {
  @Option(
    name: .shortAndLong,
    help: ArgumentHelp(
      "A teacher or a student.",
      discussion: """
        A teacher: a folder with config.json and safetensors, or a .gguf file. A student: its .h5 \
        file, an exported folder, or the folder of its run.
        """, valueName: "path"),
    completion: .file())
  var model: String

  @Option(
    help: ArgumentHelp(
      "Where the student's teacher is now, if not where it was.", valueName: "path"),
    completion: .file())
  var teacher: String?

  @Flag(help: "Say nothing on standard error but errors.")
  var quiet = false

  func open() throws -> LoadedModel {
    let model = try LoadedModel.open(model, teacher: teacher)
    for note in model.notes { log(note) }
    return model
  }

  func log(_ message: String) {
    if !quiet { Console.log(message) }
  }
}
