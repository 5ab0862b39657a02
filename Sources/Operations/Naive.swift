/// The reference twin of every operation: plain loops, generic over the precision, written from
/// the formula and never for speed. Tests run them in `Double`, differentiate them numerically,
/// and hold the fast variants against both.
public enum Naive {}
