import ArgumentParser
import Documents
import Foundation
import Models
import Operations
import Pipeline
import Results

struct EmbedCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "embed",
    abstract: "Turns texts into vectors with an encoder or its student.",
    discussion: """
      Reads one text a line, passes over blank lines, and writes one JSON list of numbers a line: \
      the mean of the text's tokens, or the first one, of length 1 or not, as the folder's \
      modules.json and 1_Pooling/config.json say.

      EXAMPLES
        linearize embed --model models/all-minilm-l6-v2 --text lines.txt --output vectors.jsonl
        linearize embed --model runs/hedgehog-minilm --text lines.txt --sequence-length 128
      """)

  @OptionGroup var options: ModelOptions

  @Option(help: ArgumentHelp("One text a line, in UTF-8.", valueName: "path"), completion: .file())
  var text: String

  @Option(
    help: "Tokens of a text at most; what is longer is cut. (default: the model's positions)")
  var sequenceLength: Int?

  @Option(
    name: .shortAndLong,
    help: ArgumentHelp("Write here instead of standard output.", valueName: "path"),
    completion: .file(extensions: ["jsonl"]))
  var output: String?

  func validate() throws {
    if let sequenceLength, sequenceLength < 3 {
      throw ValidationError(
        "--sequence-length is \(sequenceLength), expected at least 3: a token and those around it.")
    }
  }

  func run() throws {
    if let output { try OutputFile.check([output], inputs: [text, options.model]) }
    let embedder = try TextEmbedder(try options.open(), length: sequenceLength)
    let embeddings = try embedder.embed(linesOf: text)
    let width = embeddings.shape[1]
    let lines = listedRows(embeddings).map { row in
      JSONValue.array(row.map { .number(Double($0)) }).compact + "\n"
    }
    if let output {
      try DocumentFile(output).replace(with: lines.joined())
      options.log("\(output): \(Figures.count(lines.count)) vectors of \(width)")
    } else {
      try Console.output(lines.joined())
    }
  }
}
