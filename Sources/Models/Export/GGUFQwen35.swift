import Documents
import Operations
import TensorCore
import Transformers

/// A Qwen 3 teacher's hybrid of gated delta nets as llama.cpp's `qwen35`.
struct GGUFQwen35 {
  private(set) var model = GGUFModel(architecture: "qwen35")

  /// - Parameter document: the recipe's student with every default spelled.
  init(_ decoder: Decoder, _ document: JSONValue) {
    let student = Qwen35Student(decoder, document)
    for refusal in student.hybrid.refusals {
      model.refuse(refusal.found, expected: refusal.expected)
    }
    guard model.refusals.isEmpty else { return }
    describe(student)
    for part in student.tables { add(part, prefix: "") }
    for layer in decoder.layers.indices {
      for part in student.block(layer) { add(part, prefix: "blk.\(layer).") }
    }
  }

  private mutating func describe(_ student: Qwen35Student) {
    let configuration = student.hybrid.configuration
    let attention = configuration.attention
    let (heads, dim) = (JSONValue.integer(attention.queryHeads), attention.headDim)
    model.describe(configuration, context: configuration.maximumPositions)
    model.describeNorms(of: student.hybrid.decoder)
    let sizes: [(String, JSONValue)] = [
      ("attention.head_count", heads),
      ("attention.head_count_kv", .integer(attention.keyValueHeads)),
      ("attention.key_length", .integer(dim)), ("attention.value_length", .integer(dim)),
      ("rope.freq_base", .number(student.hybrid.theta)), ("rope.dimension_count", .integer(dim)),
      ("rope.dimension_sections", .array((student.sections + [0]).map { .integer($0) })),
      ("ssm.conv_kernel", 4), ("ssm.state_size", .integer(dim)), ("ssm.group_count", heads),
      ("ssm.time_step_rank", heads), ("ssm.inner_size", .integer(attention.queryWidth)),
      (
        "attention.recurrent_layers",
        .array((0..<configuration.layers).map { .bool(student.hybrid.isLinear($0)) })
      ),
    ]
    for (key, value) in sizes { model.set(key, value) }
    if let period = student.period { model.set("full_attention_interval", .integer(period)) }
  }

  private mutating func add(_ part: Qwen35Student.Part, prefix: String) {
    switch part.kind {
    case .plain:
      if let stored = part.stored {
        model.add(prefix + part.gguf, stored)
      } else {
        model.add(prefix + part.gguf, shape: part.shape, make: part.make)
      }
    case .norm, .convolution:
      model.add(prefix + part.gguf, shape: part.shape, keepsFloats: true, make: part.make)
    case .decay:
      model.add(prefix + part.gguf, shape: part.shape, keepsFloats: true) {
        affine(pointwise(part.make(), .exp), scale: -1, offset: 0)
      }
    }
  }
}
