import Differentiation
import Operations
import TensorCore

// Weights that a decoder does not share with its checkpoint: to be trained, or merged, or loaded
// from a student. Names are Llama's, whatever the family's; the places remember the family's own.
extension Decoder {
  /// The checkpoint's decoder: softmax attention, frozen weights, nothing that was trained.
  public var original: Decoder {
    Decoder(configuration: configuration, weights: weights.original)
  }

  /// Names and shapes of all weights. A tied head is not among them.
  public var weightShapes: [(name: String, shape: [Int])] {
    var found: [(name: String, shape: [Int])] = []
    forEachWeight { found.append(($0, $1.shape)) }
    return found
  }

  /// The weights that are the decoder's own, a tied head not among them.
  public var ownWeights: [(name: String, parameter: Parameter)] {
    var found: [(name: String, parameter: Parameter)] = []
    forEachWeight { name, weight in
      if let own = weight.own { found.append((name, own)) }
    }
    return found
  }

  /// What a head of its own is called.
  public static let headName = DecoderWeights.headName

  /// Whether the head is the embedding table, also where both were trained.
  public var isHeadTied: Bool {
    configuration.tiesHead && weights.head?.own === weights.embedding.own
  }

  /// Makes the wanted weights the decoder's own, in 32-bit floats that start from the frozen ones.
  /// Exactly these are trained from now on.
  ///
  /// - Parameters:
  ///   - untiesHead: a tied head becomes a weight beside the embedding, if wanted too.
  ///   - isWanted: asked with names such as `model.layers.0.mlp.up_proj.weight`.
  public func unfreezeWeights(
    untiesHead: Bool = false, where isWanted: (String) -> Bool = { _ in true }
  ) {
    let wasTied = isHeadTied
    let staysTied = wasTied && !(untiesHead && isWanted(DecoderWeights.headName))
    weights.visit { name, weight in
      if name == DecoderWeights.headName, staysTied { return }
      guard isWanted(name) else {
        weight.own?.isTrainable = false
        return
      }
      // The parameter of a head that was tied until now stays the embedding's.
      let own = name == DecoderWeights.headName && wasTied ? nil : weight.own
      weight.own = own ?? Parameter(name: name, value: weight.tensor)
      weight.own!.isTrainable = true
    }
    if staysTied { weights.head!.own = weights.embedding.own }
  }

  /// Gives a weight values of the decoder's own, which are not trained further.
  ///
  /// - Parameter name: one of `weightShapes`, or `lm_head.weight`, which unties a head.
  public func replaceWeight(_ name: String, with value: Tensor) {
    let parameter = Parameter(name: name, value: value)
    parameter.isTrainable = false
    let staysTied = isHeadTied && name != DecoderWeights.headName
    weights.visit { found, weight in
      guard found == name else { return }
      precondition(weight.shape == value.shape.dimensions, "\(name) of \(value.shape)")
      weight.own = parameter
    }
    if staysTied { weights.head!.own = weights.embedding.own }
  }

  /// A checkpoint's tensors with the decoder's own weights in their places.
  ///
  /// - Parameter tensors: those that the decoder was made of, by their family's names.
  public func checkpointTensors(_ tensors: [String: StoredTensor]) -> [String: StoredTensor] {
    var tensors = tensors
    forEachWeight { _, weight in
      if let own = weight.own { weight.place.put(own.value, into: &tensors) }
    }
    // A tied checkpoint may carry a copy of the head.
    if isHeadTied, let head = weights.head, let own = head.own, tensors[head.place.tensor] != nil {
      head.place.put(own.value, into: &tensors)
    }
    return tensors
  }

  private func forEachWeight(_ body: (String, Weight) -> Void) {
    let isTied = isHeadTied
    var copy = weights
    copy.visit { name, weight in
      if !(isTied && name == DecoderWeights.headName) { body(name, weight) }
    }
  }
}

extension Decoder {
  /// Next-token cross-entropy (of a model with a head) of the final hidden states; see `linearCrossEntropy`. With a
  /// gradient scale it runs the tape backward, so that all trained parameters have gradients.
  ///
  /// - Parameters:
  ///   - hidden: from `hiddenStates` on the same tape.
  ///   - gradientScale: factor of the gradient of the **sum** of the losses; nil when none is
  ///     needed.
  public func crossEntropy(
    _ hidden: Variable, targets: [Int32], gradientScale: Float?, on tape: Tape
  ) -> [Float] {
    guard let gradientScale, weights.head!.isTrained(on: tape) else {
      let (losses, _, gradient) = linearCrossEntropy(
        hidden.value, head: head, targets: targets, gradientScale: gradientScale)
      if let gradient { tape.backward(from: [(hidden, gradient)]) }
      return losses
    }
    let table = weights.head!.variable(on: tape)
    let (losses, gradient, headGradient) = linearCrossEntropyGradients(
      hidden.value, head: table.value, transform: configuration.logits, targets: targets,
      gradientScale: gradientScale)
    tape.backward(from: [(hidden, gradient), (table, headGradient)])
    return losses
  }
}
