import Corpus
import Documents
import Evaluation
import Operations
import TensorCore
import Transformers

/// Turns texts into vectors, as sentence-transformers does with the same folder.
public struct TextEmbedder {
  private let model: LoadedModel
  private let tokenizer: Tokenizer
  private let length: Int
  private let settings: SentenceSettings

  /// - Parameter length: tokens of a text at most, those that the tokenizer puts around it included;
  ///   what is longer is cut. nil for as many as the model's own settings say, and has positions.
  /// - Throws: `ModelError` for a decoder, and when the checkpoint carries no tokenizer.
  public init(_ model: LoadedModel, length: Int? = nil) throws {
    let configuration = model.decoder.configuration
    guard configuration.isEncoder else {
      throw ModelError(
        location: model.location,
        problems: [
          "is a decoder (\(configuration.family)); embeddings are those of an encoder"
        ])
    }
    self.model = model
    tokenizer = try model.requireTokenizer()
    settings = try SentenceSettings(model)
    self.length =
      length ?? min(settings.maximumLength ?? .max, configuration.maximumPositions)
    try SequenceBounds.check(self.length, model, model.location)
  }

  /// The ids of a file's texts, one a line; blank lines are passed over.
  ///
  /// - Throws: `DocumentFile.Failure`, `InputError`.
  package func encode(linesOf path: String) throws -> [[Int32]] {
    let size = model.decoder.configuration.vocabularySize
    let lines = try TextFile.read(path).unicodeScalars.split(separator: "\n")
      .filter { !$0.allSatisfy(\.properties.isWhitespace) }
    return try lines.map { line in
      var document = EncodedDocument(
        tokens: tokenizer.encode(settings.text(of: String(line)), addSpecialTokens: true))
      document.closing = tokenizer.closingTokens
      let tokens =
        document.tokens.count > length ? document.truncated(to: length).tokens : document.tokens
      if let id = tokens.first(where: { Int($0) >= size }) {
        throw InputError(
          path, nil,
          "the tokenizer gives the id \(id), but \(model.location) has an embedding of \(size) rows; "
            + "use the model's own tokenizer")
      }
      return tokens
    }
  }

  /// Embeddings of a file's texts, one a line, `[texts, hiddenSize]`; of length 1 where the model's
  /// modules say so.
  ///
  /// - Parameter progress: called after every pass with the texts done and the tokens of the pass.
  /// - Throws: `DocumentFile.Failure`, `InputError`, and what `progress` throws.
  public func embed(
    linesOf path: String, progress: (_ done: Int, _ tokens: Int) throws -> Void = { _, _ in }
  ) throws -> Tensor {
    let texts = try encode(linesOf: path).map { EvaluationSequence(tokens: $0) }
    if texts.isEmpty { throw InputError(path, nil, "found no text, expected one a line") }
    let measurement = EmbeddingMeasurement(
      model.pooling.pooling, isNormalized: model.pooling.isNormalized)
    return try measurement.embeddings(of: model.decoder, texts, progress: progress)
  }
}
