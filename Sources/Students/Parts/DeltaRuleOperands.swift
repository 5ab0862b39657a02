import Differentiation
import Operations

/// What a delta rule reads of every token. Rows of all operands are tokens; widths are those of the
/// student's `RecurrentShape`.
struct DeltaRuleOperands {
  let queries: Variable
  var keys, values, removals, writes: Variable
  /// A channel's or a head's.
  var logDecays: Variable

  /// Gives every operand but the queries to the token at which its key has left the window.
  mutating func delay(
    by delay: KeyDelay, layout: SequenceLayout, memory: inout Memory?, on tape: Tape
  ) {
    let late = { (x: Variable, name: String, memory: inout Memory?) in
      delay.apply(x, name, layout: layout, memory: &memory, on: tape)
    }
    logDecays = late(logDecays, "decays", &memory)
    keys = late(keys, "keys", &memory)
    values = late(values, "values", &memory)
    removals = late(removals, "removals", &memory)
    writes = late(writes, "writes", &memory)
  }
}
