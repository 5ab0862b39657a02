import ArgumentParser
import Corpus
import Documents
import Models
import Pipeline
import Results

struct TokenizeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tokenize",
    abstract: "Turns a text into token ids.",
    discussion: """
      Writes one flat JSON list, or with --format binidx a .bin file of 16 or 32 bits an id and its \
      .idx, as Megatron and RWKV read them; without the tokens that a model puts around a text. \
      Special tokens that the text spells are recognised, as the tokenizers package does.

      EXAMPLES
        linearize tokenize --model teacher.gguf --text test.txt --output ids.json
        linearize tokenize --model teacher.gguf --text train.txt --format binidx --output train.bin
      """)

  enum Format: String, CaseIterable, ExpressibleByArgument { case json, binidx }

  @OptionGroup var options: ModelOptions

  @Option(help: ArgumentHelp("The text, in UTF-8.", valueName: "path"), completion: .file())
  var text: String

  @Option(
    name: .shortAndLong, help: ArgumentHelp("The list of ids.", valueName: "path"),
    completion: .file(extensions: ["json", "bin"]))
  var output: String

  @Option(help: "How the ids are written: json or binidx.")
  var format = Format.json

  func run() throws {
    let outputs =
      format == .json ? [output] : [output, IndexedTokenFile.indexPath(of: output)]
    try OutputFile.check(outputs, inputs: [self.text, options.model])
    let text = try TextFile.read(self.text)
    let model = try options.open()
    let tokens = try model.requireTokenizer().encode(text)
    switch format {
    case .json: try TokenWriter.write(tokens, to: output)
    case .binidx:
      try IndexedTokenWriter.write(
        tokens, vocabularySize: model.decoder.configuration.vocabularySize, to: output)
    }
    options.log(
      "\(output): \(Figures.count(tokens.count)) tokens of \(Figures.count(text.utf8.count)) bytes")
  }
}
