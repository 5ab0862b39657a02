import ArgumentParser
import Documents
import Models
import Pipeline

struct InspectCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "inspect",
    abstract: "Shows what is in a checkpoint: tensors, types, shapes, metadata.",
    discussion: """
      Reads headers alone, of any .gguf, .safetensors or .h5 file, a checkpoint's folder or a run's.

      EXAMPLES
        linearize inspect teacher.gguf
        linearize inspect runs/lolcats/artefacts/01-attention-transfer.h5
        linearize inspect checkpoints/llama --json | jq '.tensors[].name'
      """)

  @Argument(help: "The checkpoint.", completion: .file())
  var path: String

  @Flag(help: "As JSON, arrays in full.")
  var json = false

  func run() throws {
    let inspection = try Inspection(path)
    try Console.output(json ? inspection.document.pretty : inspection.text)
  }
}
