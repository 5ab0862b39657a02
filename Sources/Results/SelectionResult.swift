/// How the layers that keep softmax were chosen: what a teacher loses when layers become linear,
/// measured without training, and which layers a greedy choice restored.
public struct SelectionResult: Sendable, Equatable {
  /// What was measured of one model; nil where the recipe did not ask for it.
  public struct Measures: Sendable, Equatable {
    /// KL of the next-token distributions from the teacher's on tokens of text whose context reaches
    /// beyond the window, nats, mean.
    public var divergence: Double?
    /// Mean `−log p` of the values that associative recall asks for, nats.
    public var recallLoss: Double?
    /// Share of those values that were held most probable.
    public var recall: Double?
    /// Mean `−log p` of a passkey's tokens, nats.
    public var passkeyLoss: Double?
    /// Share of the passkeys' tokens that were held most probable.
    public var passkey: Double?

    /// Measures of one model, at first none.
    public init(
      divergence: Double? = nil, recallLoss: Double? = nil, recall: Double? = nil,
      passkeyLoss: Double? = nil, passkey: Double? = nil
    ) {
      self.divergence = divergence
      self.recallLoss = recallLoss
      self.recall = recall
      self.passkeyLoss = passkeyLoss
      self.passkey = passkey
    }
  }

  /// A layer that was changed, and what the model was then.
  public struct Candidate: Sendable, Equatable {
    /// The layer, from 0.
    public var layer: Int
    /// Of the model with this layer changed.
    public var measures: Measures
    /// Of the same: weighted mean over the measures of the part of the gap between the teacher, 0,
    /// and the model without any softmax layer, 1.
    public var cost: Double

    /// A layer's scores.
    public init(layer: Int, measures: Measures, cost: Double) {
      self.layer = layer
      self.measures = measures
      self.cost = cost
    }
  }

  /// One step of the greedy choice.
  public struct Round: Sendable, Equatable {
    /// Each with its layer restored beside those that were chosen before.
    public var candidates: [Candidate]
    /// The layer that was restored for good.
    public var chosen: Int

    /// A step.
    public init(candidates: [Candidate], chosen: Int) {
      self.candidates = candidates
      self.chosen = chosen
    }
  }

  /// Layers of the model.
  public var layers: Int
  /// What a layer without softmax is: "sliding window of 64, first 4 tokens kept, untrained".
  public var linear: String
  /// Of the teacher as it is.
  public var teacher: Measures
  /// Of the model without any softmax layer.
  public var without: Measures
  /// Each layer alone made linear in the teacher.
  public var removed: [Candidate]
  /// In their order.
  public var rounds: [Round]
  /// What has to be known of the choice, a sentence each.
  public var notes: [String]
  /// Tokens that were read, layers that a pass left out counted as their share.
  public var tokens: Int

  /// A choice; steps and notes may be added.
  public init(
    layers: Int, linear: String, teacher: Measures, without: Measures, removed: [Candidate],
    rounds: [Round] = [], notes: [String] = [], tokens: Int = 0
  ) {
    self.layers = layers
    self.linear = linear
    self.teacher = teacher
    self.without = without
    self.removed = removed
    self.rounds = rounds
    self.notes = notes
    self.tokens = tokens
  }

  /// The chosen layers, ascending.
  public var chosen: [Int] { rounds.map(\.chosen).sorted() }

  /// Of the model with all chosen layers restored.
  public var outcome: Measures {
    rounds.last.flatMap { round in round.candidates.first { $0.layer == round.chosen } }?.measures
      ?? without
  }
}
