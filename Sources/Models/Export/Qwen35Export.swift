import Checkpoints
import Documents
import Foundation
import Operations
import TensorCore

/// Writes a Qwen 3 teacher's hybrid of gated delta nets as a folder that transformers 5 opens as a text
/// model of Qwen3.5, `qwen3_5_text`, with no code of this program's.
///
/// The folder is no student any more: this program does not read it back.
public struct Qwen35Export {
  private let model: LoadedModel
  private let type: ExportType?
  private let mergesAdapters: Bool
  private let shardBytes: Int

  /// - Parameters:
  ///   - type: of all tensors; nil for that of the teacher's embeddings, float32 if they are quantised.
  ///   - mergesAdapters: add low-rank updates into their projections; Qwen3.5 has no place for them.
  ///   - shardBytes: bytes of tensors a file at most.
  public init(_ model: LoadedModel, type: ExportType?, mergesAdapters: Bool, shardBytes: Int) {
    self.model = model
    self.type = type
    self.mergesAdapters = mergesAdapters
    self.shardBytes = shardBytes
  }

  private var exportedType: ExportType {
    type ?? ExportType(model.decoder.weights.original.embedding.stored.elementType)
  }

  /// - Returns: names of the files written.
  /// - Throws: `ExportError`, `PublicationError`, `DocumentFile.Failure`, `ResultsError`; the output is
  ///   then as it was.
  public func run(to output: String) throws -> [String] {
    let folder = ExportFolder(output)
    try folder.requireFree()
    guard var artefact = model.student else {
      throw ExportError.notInQwen35(
        path: model.location,
        refusals: [
          .init(found: "no student", expected: "one of a Qwen 3 teacher with gated-delta-net")
        ])
    }
    if mergesAdapters {
      model.decoder.mergeAdapters()
      artefact.adapters = nil
    }
    let student = Qwen35Student(
      model.decoder, try PortableStudent.document(artefact.student, location: model.location))
    if !student.refusals.isEmpty {
      throw ExportError.notInQwen35(
        path: model.location,
        refusals: student.refusals.map { .init(found: $0.found, expected: $0.expected) })
    }
    let writer = SafetensorsWriter(
      elementType: exportedType.elementType, maximumShardBytes: shardBytes)
    let tensors = tensors(student)
    try exportedType.require(tensors)
    let card = try ModelCard(model, student: artefact, type: exportedType, isNative: true).text()
    return try folder.publish { temporary in
      try writer.write(tensors, into: temporary)
      try DocumentFile("\(temporary)/config.json").replace(with: configuration(student).pretty)
      try writeTokenizer(to: temporary)
      try GenerationSettings(model).write(to: temporary)
      try DocumentFile("\(temporary)/README.md").replace(with: card)
    }
  }

  /// Where nothing names the tokenizer's class, transformers takes that of Qwen3.5, which splits words
  /// otherwise than Qwen 3 does.
  private func writeTokenizer(to folder: String) throws {
    try ExportedTokenizer(model.source).write(to: folder)
    guard DocumentFile("\(folder)/tokenizer.json").exists else { return }
    let file = DocumentFile("\(folder)/tokenizer_config.json")
    var object = file.exists ? try file.read().objectValue ?? JSONObject() : JSONObject()
    if object["tokenizer_class"] != nil { return }
    object["tokenizer_class"] = "PreTrainedTokenizerFast"
    try file.replace(with: JSONValue.object(object).pretty)
  }

  private func tensors(_ student: Qwen35Student) -> [SafetensorsWriter.NamedTensor] {
    let layers = model.decoder.layers.indices.flatMap { layer in
      student.block(layer).map { ("model.layers.\(layer).\($0.huggingFace)", $0) }
    }
    let named = student.tables.map { ($0.huggingFace, $0) } + layers
    return named.map { name, part in (name, Self.stored(part)) }.sorted {
      $0.0.utf8.lexicographicallyPrecedes($1.0.utf8)
    }
  }

  /// As transformers has it.
  private static func stored(_ part: Qwen35Student.Part) -> StoredTensor {
    switch part.kind {
    case .plain, .decay: part.stored ?? StoredTensor(part.make())
    case .norm: StoredTensor(affine(part.make(), scale: 1, offset: -1))
    case .convolution: StoredTensor(part.make().reshaped([part.shape[0], 1, part.shape[1]]))
    }
  }

  private func configuration(_ student: Qwen35Student) -> JSONValue {
    let sizes = model.decoder.configuration
    let attention = sizes.attention
    let (heads, dim) = (JSONValue.integer(attention.queryHeads), attention.headDim)
    var object = JSONObject([
      ("architectures", ["Qwen3_5ForCausalLM"]), ("model_type", "qwen3_5_text"),
      ("vocab_size", .integer(sizes.vocabularySize)), ("hidden_size", .integer(sizes.hiddenSize)),
      ("intermediate_size", .integer(sizes.intermediateSize)),
      ("num_hidden_layers", .integer(sizes.layers)), ("num_attention_heads", heads),
      ("num_key_value_heads", .integer(attention.keyValueHeads)), ("head_dim", .integer(dim)),
      ("hidden_act", "silu"), ("max_position_embeddings", .integer(sizes.maximumPositions)),
      ("rms_norm_eps", .number(student.epsilon)), ("attention_bias", false),
      ("tie_word_embeddings", .bool(model.decoder.isHeadTied)),
      (
        "layer_types",
        .array(
          (0..<sizes.layers).map {
            student.isLinear($0) ? "linear_attention" : "full_attention"
          })
      ),
      ("linear_conv_kernel_dim", 4), ("linear_num_key_heads", heads),
      ("linear_num_value_heads", heads), ("linear_key_head_dim", .integer(dim)),
      ("linear_value_head_dim", .integer(dim)),
      (
        "rope_parameters",
        [
          "rope_type": "default", "rope_theta": .number(student.theta),
          "partial_rotary_factor": 1.0, "mrope_interleaved": true,
          "mrope_section": .array(student.sections.map { .integer($0) }),
        ]
      ), ("dtype", .string(exportedType.rawValue)),
    ])
    // Readers that know no list of layers take it from this.
    if let period = student.period { object["full_attention_interval"] = .integer(period) }
    for key in ["bos_token_id", "eos_token_id", "pad_token_id"] {
      object[key] = model.source.configuration[key]
    }
    return .object(object)
  }
}
