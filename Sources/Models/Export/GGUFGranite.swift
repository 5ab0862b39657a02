import Documents
import Operations
import TensorCore
import Transformers

/// A Llama-like teacher's hybrid of Mamba-2 as llama.cpp's `granitehybrid`.
///
/// That one wants a Mamba-2 twice as wide as the model, where a student's is as wide: every channel of
/// values and gates stands there twice, which leaves the norm of a head what it is, and the output
/// projection reads one of the two.
struct GGUFGranite {
  private(set) var model = GGUFModel(architecture: "granitehybrid")
  private let student: GraniteStudent

  private static let copies = 2

  /// - Parameter document: the recipe's student with every default spelled.
  init(_ decoder: Decoder, _ document: JSONValue) {
    student = GraniteStudent(decoder, document)
    for refusal in student.hybrid.refusals {
      model.refuse(refusal.found, expected: refusal.expected)
    }
    guard model.refusals.isEmpty else { return }
    describe()
    model.addTables(of: decoder, needsHead: false)
    for layer in decoder.layers.indices { addBlock(layer) }
  }

  private mutating func describe() {
    let hybrid = student.hybrid
    let configuration = hybrid.configuration
    let attention = configuration.attention
    let (heads, dim) = (JSONValue.integer(attention.queryHeads), attention.headDim)
    model.describe(configuration, context: configuration.maximumPositions)
    model.describeNorms(of: hybrid.decoder)
    // Which layers are recurrent it takes from those that have no keys.
    let keys = (0..<configuration.layers).map { layer -> JSONValue in
      .integer(hybrid.isLinear(layer) ? 0 : attention.keyValueHeads)
    }
    let sizes: [(String, JSONValue)] = [
      ("attention.head_count", heads), ("attention.head_count_kv", .array(keys)),
      ("attention.key_length", .integer(dim)), ("attention.value_length", .integer(dim)),
      ("attention.scale", .number(Double(attention.scale))), ("embedding_scale", 1.0),
      ("residual_scale", 1.0), ("logit_scale", 1.0),
      // There it says whether there are rotary positions.
      ("rope.scaling.finetuned", true), ("rope.freq_base", .number(hybrid.theta)),
      ("rope.dimension_count", .integer(dim)), ("ssm.conv_kernel", 4),
      ("ssm.inner_size", .integer(Self.copies * attention.queryWidth)),
      ("ssm.state_size", .integer(dim)), ("ssm.time_step_rank", heads), ("ssm.group_count", heads),
    ]
    for (key, value) in sizes { model.set(key, value) }
    switch hybrid.rotary?.scaling {
    case .linear(let factor):
      model.set("rope.scaling.type", "linear")
      model.set("rope.scaling.factor", .number(factor))
    case .llama3: if let rotary = hybrid.rotary { model.addDivisors(of: rotary) }
    default: break
    }
  }

  private mutating func addBlock(_ layer: Int) {
    let block = student.hybrid.decoder.weights.blocks[layer]
    let prefix = "blk.\(layer)."
    model.add("\(prefix)attn_norm", block.attentionNorms.before)
    model.add("\(prefix)ffn_norm", block.feedForwardNorms.before)
    let network = block.feedForward
    for (name, projection) in [("gate", network.gate), ("up", network.up), ("down", network.down)] {
      if let projection { model.add("\(prefix)ffn_\(name).weight", projection.weight.stored) }
    }
    if student.hybrid.isLinear(layer) {
      addMamba(layer, prefix)
    } else {
      addAttention(block.attention, prefix)
    }
  }

  private mutating func addAttention(_ attention: AttentionProjections, _ prefix: String) {
    let shape = student.hybrid.attention
    for (name, projection, heads) in [
      ("q", attention.queries, shape.queryHeads), ("k", attention.keys, shape.keyValueHeads),
    ] {
      model.addRotated("\(prefix)attn_\(name).weight", projection.weight.stored, heads: heads)
    }
    model.add("\(prefix)attn_v.weight", attention.values.weight.stored)
    model.add("\(prefix)attn_output.weight", attention.output.weight.stored)
  }

  // MARK: Mamba-2

  private mutating func addMamba(_ layer: Int, _ prefix: String) {
    let student = self.student
    let hybrid = student.hybrid
    let own = hybrid.parameters(layer)
    let (width, hidden) = (hybrid.attention.queryWidth, hybrid.configuration.hiddenSize)
    let (heads, dim) = (hybrid.attention.queryHeads, hybrid.attention.headDim)
    let channels = (Self.copies + 2) * width
    model.add(
      "\(prefix)ssm_in.weight", shape: [channels + Self.copies * width + heads, hidden]
    ) {
      var parts = student.inputs(layer, own)
      for index in [0, 1] { parts[index] = Self.copied(parts[index], dim) }
      return NativeHybrid.joined(parts)
    }
    model.add("\(prefix)ssm_conv1d.weight", shape: [channels, 4], keepsFloats: true) {
      var taps = student.convolution(own)
      taps[0] = Self.copied(taps[0], dim)
      return NativeHybrid.joined(taps)
    }
    model.add("\(prefix)ssm_conv1d.bias", StoredTensor(Tensor(zeros: [channels])))
    model.add("\(prefix)ssm_dt.bias", StoredTensor(own["dt_bias"]!))
    model.add("\(prefix)ssm_a", shape: [heads, 1], keepsFloats: true) {
      affine(pointwise(own["A_log"]!, .exp), scale: -1, offset: 0).reshaped([heads, 1])
    }
    model.add(
      "\(prefix)ssm_d", StoredTensor(own["D"]!.reshaped([heads, 1])), keepsFloats: true)
    model.add(
      "\(prefix)ssm_norm.weight", shape: [heads, Self.copies * dim], keepsFloats: true
    ) {
      Self.copied(StoredTensor(own["norm.weight"]!.reshaped([width, 1])), dim).widened()
        .reshaped([heads, Self.copies * dim])
    }
    let output = hybrid.decoder.weights.blocks[layer].attention.output.weight.stored
    model.add("\(prefix)ssm_out.weight", shape: [hidden, Self.copies * width]) {
      Self.firstCopies(output.widened(), dim)
    }
  }

  /// Rows of heads, those of each head once more behind them.
  private static func copied(_ rows: StoredTensor, _ dim: Int) -> StoredTensor {
    rows.selectingRows(
      (0..<copies * rows.shape[0]).map { row in
        Int32(row / (copies * dim) * dim + row % dim)
      })
  }

  /// Of columns of heads those that read the first copies; the others are zeros and read nothing.
  private static func firstCopies(_ weight: Tensor, _ dim: Int) -> Tensor {
    let (rows, width) = (weight.shape[0], weight.shape[1])
    let columns = StoredTensor(
      NativeHybrid.joined([
        StoredTensor(transposed(weight)), StoredTensor(Tensor(zeros: [1, rows])),
      ]))
    let order = (0..<copies * width).map { column -> Int32 in
      let (head, place) = (column / (copies * dim), column % (copies * dim))
      return Int32(place < dim ? head * dim + place : width)
    }
    return transposed(columns.selectingRows(order).widened())
  }
}
