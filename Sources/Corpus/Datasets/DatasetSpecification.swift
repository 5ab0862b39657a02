import Documents

/// Which documents to read and how they become tokens, as a recipe says it.
public struct DatasetSpecification: Sendable, Equatable {
  /// What a file holds.
  public enum Format: String, Sendable, CaseIterable {
    /// Plain text, cut into documents by `documents`.
    case text
    /// One JSON object a line, with a text.
    case jsonlText = "jsonl-text"
    /// One JSON object a line, with an instruction, an input that may be missing or empty, and an
    /// output, put into the Alpaca prompt.
    case jsonlInstruction = "jsonl-instruction"
    /// One JSON object a line, with messages, put into the teacher's chat template.
    case jsonlChat = "jsonl-chat"
    /// Token ids as Megatron and RWKV keep them, a `.bin` file with its `.idx` beside it.
    case binidx
    /// One JSON document: a list of token ids, or a list of such lists.
    case tokenIDs = "token-ids"
    /// Made by the program: pairs of token ids, and the keys asked again. Has no file.
    case associativeRecall = "associative-recall"
  }

  /// What separates documents of plain text, and of the texts of `jsonl-text`.
  public enum Documents: String, Sendable, CaseIterable {
    case wholeFile, line, blankLine, formFeed, separatorLine
  }

  /// Whether a document begins with the beginning-of-text token.
  public enum BeginningOfText: String, Sendable, CaseIterable {
    /// What the tokenizer adds by itself.
    case asTokenizer
    case always, never
  }

  /// Which tokens of an instruction or a conversation are learned.
  public enum Labels: String, Sendable, CaseIterable {
    /// Only what the answerer (the output, the assistant) says is learned.
    case answers
    case everything
  }

  /// Empty where the data is made by the program.
  public var path: String
  /// What the file holds.
  public var format: Format
  /// How `associative-recall` is drawn; other formats ignore it.
  public var recall = RecallSpecification()
  /// What separates documents of plain text.
  public var documents = Documents.wholeFile
  /// The line between documents, with `separatorLine`.
  public var documentSeparator = ""
  /// Member of a `jsonl-text` row that holds its text.
  public var textField = "text"
  /// Member of a `jsonl-instruction` row that holds the instruction.
  public var instructionField = "instruction"
  /// Member of a `jsonl-instruction` row that holds the input, if there is one.
  public var inputField = "input"
  /// Member of a `jsonl-instruction` row that holds the output.
  public var outputField = "output"
  /// Member of a `jsonl-chat` row that holds the messages.
  public var messagesField = "messages"
  /// Which tokens of instructions and conversations are learned.
  public var labels = Labels.answers
  /// Whether every document begins with the beginning-of-text token.
  public var beginningOfText = BeginningOfText.asTokenizer
  /// Whether every document ends with the end-of-text token.
  public var appendEndOfText = true
  /// Documents to pass over at the start (a validation split, say).
  public var skippedDocuments = 0
  /// Documents read after those passed over; `nil` for all.
  public var maximumDocuments: Int?

  /// With the defaults of the format.
  public init(path: String, format: Format) {
    self.path = path
    self.format = format
    // A chat template spells the tokens at its ends itself.
    if format == .jsonlChat {
      beginningOfText = .never
      appendEndOfText = false
    }
  }

  /// Reads an entry of `data.train`, `data.validation` or `data.test`.
  public init(_ reader: DocumentReader) {
    let format: Format = reader.choice("format", "what the file holds")
    let path = "the file, or a folder whose .txt or .jsonl files are read"
    self.init(
      path: format == .associativeRecall && !reader.isDescribing
        ? reader.string("path", default: "", path) : reader.string("path", path),
      format: format)
    if format == .associativeRecall || reader.isDescribing {
      recall = RecallSpecification(reader)
      if format == .associativeRecall, !self.path.isEmpty {
        reader.report("path", "is given, but associative-recall is made by the program; remove it")
      }
    }
    documents = reader.choice(
      "documents", default: documents,
      "what separates the documents of a text, of a file or of a line of jsonl-text")
    documentSeparator = reader.string(
      "documentSeparator", default: documentSeparator,
      "the line that separates documents, with documents: separatorLine")
    textField = reader.string("textField", default: textField, "the member with the text")
    instructionField = reader.string(
      "instructionField", default: instructionField, "the member with the instruction")
    inputField = reader.string("inputField", default: inputField, "the member with the input")
    outputField = reader.string("outputField", default: outputField, "the member with the answer")
    messagesField = reader.string(
      "messagesField", default: messagesField, "the member with the conversation")
    labels = reader.choice(
      "labels", default: labels, "whether only answers are learned, or prompts too")
    beginningOfText = reader.choice(
      "beginningOfText", default: beginningOfText,
      "whether a document begins with the tokenizer's beginning-of-text token")
    appendEndOfText = reader.boolean(
      "appendEndOfText", default: appendEndOfText,
      "whether a document ends with the tokenizer's end-of-text token")
    skippedDocuments = reader.integer(
      "skippedDocuments", default: skippedDocuments, "documents passed over at the start")
    maximumDocuments = reader.optionalInteger(
      "maximumDocuments", in: 1...Int.max, "documents read at most")
    if (documents == .separatorLine) != !documentSeparator.isEmpty {
      reader.report(
        "documentSeparator",
        documentSeparator.isEmpty
          ? "is empty; with documents: separatorLine it is the line that separates documents"
          : "has no effect; it goes with documents: separatorLine")
    }
  }
}

/// How much associative recall of which difficulty.
public struct RecallSpecification: Sendable, Equatable {
  /// Pairs of key and value in a sequence.
  public var pairs = 8
  /// Sequences take turns from so many pairs to `pairs`.
  public var minimumPairs = 8
  /// Ids that keys and values are drawn from, half of them each.
  public var vocabulary = 64
  /// How many sequences are drawn.
  public var sequences = 10_000
  /// Data of another seed shares no draw.
  public var seed = 0

  /// The defaults: 10,000 sequences of 8 pairs over 64 ids.
  public init() {}

  init(_ reader: DocumentReader) {
    self.init()
    pairs = reader.integer(
      "pairs", in: 1...65_536, default: pairs, "with associative-recall, pairs of a sequence")
    minimumPairs = reader.integer(
      "minimumPairs", in: 1...65_536, default: pairs,
      "with associative-recall, sequences take turns from so many pairs to \"pairs\"")
    vocabulary = reader.integer(
      "vocabulary", in: 2...(1 << 24), default: vocabulary,
      "with associative-recall, ids that keys and values are drawn from, half of them each")
    sequences = reader.integer(
      "sequences", in: 1...Int.max, default: sequences, "with associative-recall, their number")
    seed = reader.integer(
      "seed", in: 0...Int.max, default: seed,
      "with associative-recall, what the draws depend on; give train and test different ones")
    if minimumPairs > pairs {
      reader.report("minimumPairs", "found \(minimumPairs), expected at most pairs, \(pairs)")
      minimumPairs = pairs
    }
    if pairs > vocabulary / 2 {
      reader.report(
        "pairs", "found \(pairs), expected at most half of the vocabulary of \(vocabulary)")
    }
  }
}
