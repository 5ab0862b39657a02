import ArgumentParser
import Corpus
import Documents
import Models
import Pipeline
import Results

struct GenerateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "generate",
    abstract: "Continues a text, token by token.",
    discussion: """
      The text goes to standard output as it is made, the figures to standard error. Without a \
      temperature the model is sampled as its generation_config.json says, if that sets do_sample, as \
      transformers does; otherwise it takes the most probable token every time, as with \
      --temperature 0. The same --seed gives the same text. What the model remembers can be \
      kept in a file, so that a long prompt is read once.

      EXAMPLES
        linearize generate --model runs/lolcats --prompt "The capital of France is"
        linearize generate --model runs/lolcats --chat --prompt "What is linear attention?" \\
          --temperature 0.7 --top-p 0.9 --seed 1
        linearize generate --model teacher.gguf --prompt-file story.txt --max-tokens 500
        linearize generate --model runs/lolcats --prompt-file book.txt -n 0 --save-memory book.h5
        linearize generate --model runs/lolcats --memory book.h5 --prompt " In short:"
      """)

  @OptionGroup var options: ModelOptions

  @Option(name: .shortAndLong, help: "The text to continue; empty to start from nothing.")
  var prompt: String?

  @Option(
    help: ArgumentHelp("Read the text to continue from a file.", valueName: "path"),
    completion: .file())
  var promptFile: String?

  @Option(
    help: ArgumentHelp(
      "Go on from a file that --save-memory wrote with the same model; a prompt may follow.",
      valueName: "path"),
    completion: .file())
  var memory: String?

  @Option(
    help: ArgumentHelp(
      "Write what the model remembers at the end to an HDF5 file, for --memory.",
      valueName: "path"),
    completion: .file())
  var saveMemory: String?

  @Flag(help: "Put the prompt into the model's chat template, as the user's message.")
  var chat = false

  @Option(help: ArgumentHelp("With --chat: the system's message.", valueName: "text"))
  var system: String?

  @Option(name: [.customShort("n"), .long], help: "Tokens to generate at most.")
  var maxTokens = 128

  @Option(
    help: """
      0 takes the most probable token, 1 draws by the model's probabilities. Without it, with \
      --top-k and --top-p: as the model's generation_config.json says if it sets do_sample, \
      otherwise the most probable.
      """)
  var temperature: Double?

  @Option(help: "Draw from this many of the most probable tokens.")
  var topK: Int?

  @Option(help: "Draw from the most probable tokens that together have this probability.")
  var topP: Double?

  @Option(help: "The same seed draws the same text.")
  var seed: UInt64 = 0

  @Flag(help: "Go on after the token that ends the text.")
  var ignoreEnd = false

  @Flag(help: "Print one JSON object with the text and the figures at the end instead.")
  var json = false

  func validate() throws {
    if prompt != nil, promptFile != nil {
      throw ValidationError("Give --prompt or --prompt-file, not both.")
    }
    if prompt == nil, promptFile == nil, memory == nil {
      throw ValidationError(
        "Give --prompt or --prompt-file; --prompt \"\" starts from nothing.")
    }
    if memory != nil, chat {
      throw ValidationError(
        "--chat spells a conversation from its start, which --memory has behind it; spell the next "
          + "message in --prompt.")
    }
    if system != nil, !chat { throw ValidationError("--system needs --chat.") }
    if maxTokens < 0 { throw ValidationError("--max-tokens is \(maxTokens), expected 0 or more.") }
  }

  func run() throws {
    // Mistakes are told before a model is opened, which may take long.
    _ = try SamplingOptions(temperature: temperature ?? 0, topK: topK, topP: topP, seed: seed)
    let text = try promptFile.map(TextFile.read) ?? prompt ?? ""
    try saveMemory.map(RememberedSequence.requireWritable)
    let model = try options.open()
    let generator = try TextGenerator(model)
    let sampling = try sampling(of: model)
    var sequence = try memory.map { try RememberedSequence.read($0, of: model) }
    let tokens = try tokens(of: text, model, generator)
    var answer = ""
    let result = try generator.generate(
      tokens, after: &sequence, maximumTokens: maxTokens, sampling: sampling, ignoreEnd: ignoreEnd
    ) { piece in
      if json { answer += piece } else { try Console.output(piece) }
    }
    if json {
      var document = JSONObject([("text", .string(answer))])
      for (key, value) in result.document.objectValue?.members ?? [] { document[key] = value }
      document["sampling"] = sampling.document
      try Console.output(JSONValue.object(document).pretty)
    } else {
      try Console.output("\n")
    }
    options.log(Self.summary(result))
    if let saveMemory, let sequence {
      try sequence.write(to: saveMemory, of: model)
      options.log(
        "\(saveMemory): the memory of \(Figures.count(sequence.position)) tokens, "
          + Figures.bytes(sequence.bytes))
    }
  }

  /// What the model's own files say of sampling counts where no option says anything.
  private func sampling(of model: LoadedModel) throws -> SamplingOptions {
    if temperature == nil, topK == nil, topP == nil,
      let generation = model.source.generation,
      let own = try SamplingOptions(generation: generation, seed: seed)
    {
      options.log(own.notice(of: generation))
      return own
    }
    return try SamplingOptions(
      temperature: temperature ?? 0, topK: topK, topP: topP, seed: seed)
  }

  /// Behind a memory a text is spelled as it is, and none is none.
  private func tokens(
    of text: String, _ model: LoadedModel, _ generator: TextGenerator
  ) throws -> [Int32] {
    if memory != nil {
      return text.isEmpty ? [] : try generator.promptTokens(text, addSpecialTokens: false)
    }
    return try generator.promptTokens(
      chat ? try conversation(text, model) : text, addSpecialTokens: !chat)
  }

  private func conversation(_ text: String, _ model: LoadedModel) throws -> String {
    guard let chat = try model.readableChat() else {
      throw GenerationError.noChatTemplate(location: model.location)
    }
    let messages =
      (system.map { [ChatMessage(role: "system", content: $0)] } ?? [])
      + [ChatMessage(role: "user", content: text)]
    return try chat.template.render(
      messages: messages, addGenerationPrompt: true, beginningOfText: chat.beginningOfText,
      endOfText: chat.endOfText, extra: chat.extra)
  }

  private static func summary(_ result: GenerationResult) -> String {
    (result.rememberedTokens > 0
      ? "remembered: \(Figures.count(result.rememberedTokens)) tokens; " : "")
      + "prompt: \(Figures.count(result.promptTokens)) tokens, "
      + "\(Figures.rate(result.prefillTokensPerSecond)) tokens/s; "
      + "generated: \(Figures.count(result.tokens.count)) tokens, "
      + "\(Figures.rate(result.decodeTokensPerSecond)) tokens/s, "
      + "until the \(result.ending.rawValue); "
      + "state: \(Figures.bytes(result.prefillStateBytes)) after the prompt, "
      + "\(Figures.bytes(result.stateBytes)) at the end"
  }
}
