import Corpus
import Documents
import Foundation
import Models
import Operations
import TensorCore
import Transformers

/// What a recipe will do and need, from the headers of its checkpoint and the sizes of its texts
/// alone: no weight is read, nothing is written.
public struct ConversionPlan {
  /// What one stage will do and need.
  public struct Stage {
    /// The stage's id.
    public let name: String
    /// Optimizer steps.
    public let steps: Int
    /// Tokens trained on.
    public let tokens: Int
    /// Numbers that the stage trains.
    public let trainedParameters: Int
    /// Bytes beside the mapped weights, at the peak.
    public let memoryBytes: Int
    /// Checkpoints, artefact and stored activations, at the peak.
    public let diskBytes: Int
    /// Estimated from `measuredRate`.
    public let seconds: Double
  }

  /// Sizes of the teacher.
  public let configuration: DecoderConfiguration
  /// Bytes of the teacher's weights as stored.
  public let teacherBytes: Int
  /// Layers that get the student's attention.
  public let convertedLayers: Int
  /// Estimated from bytes of text where a stage counts epochs.
  public let trainingSequences: Int
  /// The stages, in order.
  public let stages: [Stage]
  /// Floating-point operations a second of a matrix product, measured for the estimate.
  public let measuredRate: Double

  /// Bytes of English text that make a token, for estimates from file sizes.
  private static let bytesPerToken = 4.4
  /// What share of the matrix rate whole stages reach, seen on SmolLM2-135M.
  private static let efficiency = 0.6

  /// - Throws: what the text's files throw when their sizes are asked for.
  public init(_ ready: Preflight) throws {
    let recipe = ready.loaded.recipe
    var decoder = ready.student
    configuration = decoder.configuration
    teacherBytes = ready.teacher.source.tensors.values.reduce(0) { $0 + $1.bytes.count }
    convertedLayers = decoder.convertedLayers.count
    let length = recipe.data.packing.sequenceLength
    let textBytes = try recipe.data.train.reduce(0) { $0 + (try Self.size(of: $1, length: length)) }
    let textTokens = Int(Double(textBytes) / Self.bytesPerToken)
    trainingSequences = max(1, textTokens / length)
    measuredRate = Self.measureRate()
    var stages: [Stage] = []
    for place in recipe.stages {
      if let selection = place.specification as? SoftmaxLayerSelection {
        stages.append(
          Self.plan(place.id, selection, decoder, rate: measuredRate * Self.efficiency))
        decoder = selection.sketch(decoder)
      }
      guard let stage = place.specification as? any TrainingStage, let training = stage.training
      else { continue }
      let length = stage.sequenceLength ?? length
      let sequences = max(1, textTokens / length)
      let steps = training.length.steps(
        sequences: sequences, sequencesPerStep: training.sequencesPerStep)
      let tokens = steps * training.sequencesPerStep * length
      let cost = stage.cost(
        StageSizes(
          decoder, sequenceLength: length, rows: training.batchSize * length, tokens: tokens))
      stages.append(
        Stage(
          name: place.id, steps: steps, tokens: tokens, trainedParameters: cost.parameters,
          memoryBytes: cost.memoryBytes, diskBytes: cost.diskBytes,
          seconds: cost.operationsPerToken * Double(tokens) / (measuredRate * Self.efficiency)))
    }
    self.stages = stages
  }

  /// Models that are measured stand for steps.
  private static func plan(
    _ id: String, _ selection: SoftmaxLayerSelection, _ decoder: Decoder, rate: Double
  ) -> Stage {
    let choice = selection.choice(layers: decoder.layers.count)
    let tokens = Int(choice.passes * Double(selection.probeTokens))
    let sizes = StageSizes(
      decoder, sequenceLength: selection.passkey.length, rows: selection.probeTokens,
      tokens: tokens)
    return Stage(
      name: id, steps: choice.models, tokens: tokens, trainedParameters: 0,
      memoryBytes: sizes.scratchBytes, diskBytes: 0,
      seconds: Double(tokens) * (sizes.bodyOperations + sizes.softmaxOperations) / rate)
  }

  /// Bytes of text; of recall and of ready tokens, of as much text as gives them.
  private static func size(of dataset: DatasetSpecification, length: Int) throws -> Int {
    if dataset.format == .associativeRecall {
      return Int(Double(length * dataset.recall.sequences) * bytesPerToken)
    }
    if dataset.format == .binidx {
      return Int(Double(try IndexedTokenFile(dataset.path).tokenCount) * bytesPerToken)
    }
    return try RunInputs.regularFiles(dataset.path).reduce(0) { total, file in
      var status = stat()
      return stat(file, &status) == 0 ? total + Int(status.st_size) : total
    }
  }

  /// A few products of the size that a stage is made of.
  private static func measureRate() -> Double {
    let size = 768
    let matrix = Tensor(repeating: 0.5, [size, size])
    _ = matrixProduct(matrix, matrix)
    let start = ProcessInfo.processInfo.systemUptime
    for _ in 0..<10 { _ = matrixProduct(matrix, matrix, rightTransposed: true) }
    let seconds = ProcessInfo.processInfo.systemUptime - start
    return 10 * 2 * pow(Double(size), 3) / max(seconds, 1e-9)
  }
}

extension ConversionPlan {
  /// The plan as lines for a terminal.
  public var text: String {
    let c = configuration
    var lines = [
      "teacher      \(c.family), \(c.layers) layers of \(c.hiddenSize), "
        + "\(c.attention.queryHeads)/\(c.attention.keyValueHeads) heads of \(c.attention.headDim), "
        + "\(Self.count(c.approximateParameters)) parameters, "
        + (teacherBytes == 0 ? "new" : "\(Self.bytes(teacherBytes)) mapped"),
      "student      \(convertedLayers) of \(c.layers) layers converted",
      "text         about \(trainingSequences) training sequences",
      "",
      "stage                  steps      tokens     trained      memory        disk          time",
    ]
    for stage in stages {
      lines.append(
        Self.pad(stage.name, 20) + " " + Self.padLeft(String(stage.steps), 7)
          + Self.padLeft(Self.count(stage.tokens), 12)
          + Self.padLeft(Self.count(stage.trainedParameters), 12)
          + Self.padLeft(Self.bytes(stage.memoryBytes), 12)
          + Self.padLeft(Self.bytes(stage.diskBytes), 12)
          + Self.padLeft(ProgressReporter.duration(stage.seconds), 14))
    }
    lines += [
      "",
      "Estimates from sizes and a matrix product of \(Int(measuredRate / 1e9)) GFLOP/s measured now; "
        + "memory is beside the mapped weights. Nothing was written.",
    ]
    return lines.joined(separator: "\n") + "\n"
  }

  private static func pad(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(0, width - text.count))
  }

  private static func padLeft(_ text: String, _ width: Int) -> String {
    String(repeating: " ", count: max(0, width - text.count)) + text
  }

  private static func count(_ value: Int) -> String {
    switch value {
    case 1_000_000_000...: String(format: "%.2fB", Double(value) / 1e9)
    case 1_000_000...: String(format: "%.1fM", Double(value) / 1e6)
    case 10_000...: String(format: "%.1fk", Double(value) / 1e3)
    default: String(value)
    }
  }

  private static func bytes(_ value: Int) -> String {
    value >= 1 << 30
      ? String(format: "%.1f GiB", Double(value) / Double(1 << 30))
      : String(format: "%.0f MiB", max(1, Double(value) / Double(1 << 20)))
  }
}
