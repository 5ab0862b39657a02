import Checkpoints
import Differentiation
import Documents
import Evaluation
import Operations
import Students
import TensorCore
import Transformers

/// Writes what a model computes for given tokens to an HDF5 file, to be compared with other
/// programs:
///
///     tokens              [sequences, length]                        int32
///     logits              [sequences, length, vocabularySize]        float32, not of encoders
///     hidden_states/I     [sequences, length, hiddenSize]            I from 0 (the embedding) to the
///                         number of layers (after the final norm), as transformers numbers them
///     attentions/I        [sequences, queryHeads, length, length]    weights of layer I
public struct ActivationCapture {
  private let model: LoadedModel
  private let includesAttentions: Bool

  /// Chunks of an HDF5 file end below 4 GiB, and a chunk here holds at least one sequence.
  private static let largestSequenceBytes = (4 << 30) - 1

  /// Captures what a model computes.
  ///
  /// - Parameter includesAttentions: Whether attention weights are written too, which are quadratic
  ///   in the length.
  public init(_ model: LoadedModel, includesAttentions: Bool) {
    self.model = model
    self.includesAttentions = includesAttentions
  }

  /// - Parameter progress: called before the first and after every sequence with how many are done,
  ///   how many there are, and their length.
  /// - Throws: `InputError`, `HDF5Error`; the output file is then as it was before.
  public func run(
    tokens path: String, output: String,
    progress: (_ done: Int, _ of: Int, _ length: Int) throws -> Void = { _, _, _ in }
  ) throws {
    let configuration = model.decoder.configuration
    let tokens = try TokenFile(path, vocabularySize: configuration.vocabularySize)
    let length = try tokens.equalLength()
    try SequenceBounds.check(length, model, path)
    try checkSize(length, path)
    try checkAttentions()
    try AtomicFile.publish(
      to: output,
      write: { temporary in
        let file = try HDF5File.create(temporary)
        try write(tokens.sequences, length: length, to: file, progress: progress)
        try file.close()
      },
      verify: { temporary in
        let file = try HDF5File.open(temporary, isTrusted: true)
        guard try file.shape(of: "hidden_states/0")[0] == tokens.sequences.count else {
          throw InputError(output, "hidden_states/0", "reads back with another shape")
        }
      })
  }

  /// - Throws: `InputError` when weights are wanted of a student that has none.
  private func checkAttentions() throws {
    guard includesAttentions else { return }
    let layers = model.decoder.layers.filter { !($0.mixer is any AttentionWeightMixer) }.map(
      \.index)
    guard let first = layers.first else { return }
    throw InputError(
      model.location, "layer \(first)",
      "has a mixer without attention weights: its outputs are no sums of values with weights; "
        + "capture without them")
  }

  private func checkSize(_ length: Int, _ path: String) throws {
    let configuration = model.decoder.configuration
    let widest = max(
      configuration.hasHead ? configuration.vocabularySize : configuration.hiddenSize,
      includesAttentions ? configuration.attention.queryHeads * length : 0)
    let (bytes, isTooLarge) = (length * 4).multipliedReportingOverflow(by: widest)
    if isTooLarge || bytes > Self.largestSequenceBytes {
      throw InputError(
        path, nil,
        "sequences of \(length) tokens make datasets of more than 4 GiB a sequence, which one "
          + "chunk of HDF5 cannot hold; give shorter sequences")
    }
  }

  private func write(
    _ sequences: [[Int32]], length: Int, to file: HDF5File,
    progress: (_ done: Int, _ of: Int, _ length: Int) throws -> Void
  ) throws {
    let configuration = model.decoder.configuration
    let count = sequences.count
    try file.attributes.set("model", to: .string(model.location))
    try file.attributes.set("program", to: .string("linearize \(EnvironmentReport.version)"))
    try file.write("tokens", sequences.flatMap { $0 }, shape: [count, length])
    let create = { (name: String, shape: [Int], dimensions: String) in
      let dataset = try file.createDataset(
        name, shape: [count] + shape, type: .float32, rowsPerChunk: 1)
      try dataset.attributes.set("dimensions", to: .string("sequence, \(dimensions)"))
      return dataset
    }
    let logits =
      try configuration.hasHead
      ? create("logits", [length, configuration.vocabularySize], "token, vocabulary") : nil
    let hidden = try (0...configuration.layers).map {
      try create("hidden_states/\($0)", [length, configuration.hiddenSize], "token, hidden")
    }
    let heads = configuration.attention.queryHeads
    let attentions =
      try includesAttentions
      ? (0..<configuration.layers).map {
        try create("attentions/\($0)", [heads, length, length], "query head, query, key")
      } : []
    let append = { (tensor: Tensor, dataset: HDF5Dataset, row: Int) in
      try dataset.writeRows(start: row, tensor)
    }
    try progress(0, count, length)
    for (row, tokens) in sequences.enumerated() {
      let final = try forward(tokens) { layer, x, weights in
        try append(x, hidden[layer], row)
        if let weights { try append(weights, attentions[layer], row) }
      }
      try append(final, hidden[configuration.layers], row)
      if let logits { try append(model.decoder.logits(final), logits, row) }
      try progress(row + 1, count, length)
    }
  }

  /// - Parameter observe: the layer, its input, its attention weights.
  /// - Returns: hidden states after the final norm.
  private func forward(
    _ tokens: [Int32], observe: (Int, Tensor, Tensor?) throws -> Void
  ) throws -> Tensor {
    let decoder = model.decoder
    let layout = SequenceLayout(length: tokens.count)
    let tape = Tape(isRecording: false)
    let x = try decoder.forEachLayer(tokens, ForwardPass(layout, on: tape)) { visit in
      let mixer = visit.layer.mixer
      let weights = (includesAttentions ? mixer as? any AttentionWeightMixer : nil).map {
        attentionWeights(of: $0, visit.input, shape: decoder.configuration.attention)
      }
      try observe(visit.layer.index, visit.stream.value, weights)
      return visit.finish(attention: mixer.forward(visit.input, on: tape))
    }
    return decoder.finalNorm(x, on: tape).value
  }
}
