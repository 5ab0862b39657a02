import ArgumentParser
import Documents
import Models
import Pipeline

struct ActivationsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "activations",
    abstract: "Writes a model's hidden states and logits for given tokens.",
    discussion: """
      The HDF5 file has the datasets tokens, logits, hidden_states/I (I from 0, the embedding, to \
      the number of layers; the last one after the final norm) and, with --attention-weights, \
      attentions/I: the layout of transformers, for comparing the two.

      EXAMPLES
        linearize activations --model teacher.gguf --tokens ids.json --output activations.h5
        linearize activations --model runs/lolcats --tokens ids.json --attention-weights \\
          --output activations.h5
      """)

  @OptionGroup var options: ModelOptions

  @Option(
    help: ArgumentHelp("A JSON list of token-id lists of equal length.", valueName: "path"),
    completion: .file(extensions: ["json"]))
  var tokens: String

  @Option(
    name: .shortAndLong, help: ArgumentHelp("The HDF5 file; replaced whole.", valueName: "path"),
    completion: .file(extensions: ["h5"]))
  var output: String

  @Flag(help: "Attention weights too: quadratic in the length. Of a student, its own weights.")
  var attentionWeights = false

  func run() throws {
    try OutputFile.check([output], inputs: [tokens, options.model])
    let capture = ActivationCapture(
      try options.open(), includesAttentions: attentionWeights)
    var progress = Console.progress(quiet: options.quiet)
    try capture.run(tokens: tokens, output: output) { done, count, length in
      if done == 0 {
        progress.begin(stage: "activations", totalSteps: count)
      } else {
        progress.update(step: done, tokens: length)
      }
    }
    progress.end()
    options.log(output)
  }
}
