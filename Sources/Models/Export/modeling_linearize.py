"""A student of linearize in PyTorch: a transformer whose layers have linear attention in place of
softmax, alone or beside a window of it.

transformers opens the folder that this file stands in:

    AutoModelForCausalLM.from_pretrained(FOLDER, trust_remote_code=True)

What the model is made of, config.json says under `linearize.model`. Prompts are read in chunks with
matrix products; what a layer remembers of a text, but for layers that kept softmax, has a constant
size. Rows of a batch may be padded on either side: every row is computed as it would be alone.
"""

import math

import torch
from torch import nn
from torch.nn import functional as F
from transformers import GenerationMixin, PretrainedConfig, PreTrainedModel
from transformers.modeling_outputs import BaseModelOutputWithPast, CausalLMOutputWithPast

# Queries that are worked on together, beside a window or a state that forgets nothing; and beside
# one that forgets, where the products of decays over so many tokens must stay within float32.
CHUNK = 128
DECAYING_CHUNK = 16
EPSILON = 1e-12


class LinearizeConfig(PretrainedConfig):
    """The teacher's configuration, and under `linearize` what the student is."""

    model_type = "linearize"
    keys_to_ignore_at_inference = ["past_key_values"]

    def __init__(self, linearize=None, **kwargs):
        model = (linearize or {}).get("model", {})
        heads = model.get("attention", {})
        for key, value in (
            ("hidden_size", model.get("hiddenSize")),
            ("intermediate_size", model.get("intermediateSize")),
            ("num_hidden_layers", model.get("layers")),
            ("num_attention_heads", heads.get("queryHeads")),
            ("num_key_value_heads", heads.get("keyValueHeads")),
            ("head_dim", heads.get("headDim")),
            ("vocab_size", model.get("vocabularySize")),
            ("max_position_embeddings", model.get("maximumPositions")),
        ):
            if value is not None and kwargs.get(key) is None:
                kwargs[key] = value
        self.linearize = linearize
        super().__init__(**kwargs)

    def to_diff_dict(self):
        """With what this program and transformers take for granted in different ways."""
        return super().to_diff_dict() | {"tie_word_embeddings": self.tie_word_embeddings}


# Rows of a batch


class Rows:
    """The tokens of a batch that are read now: in every row its own ones first, then padding."""

    def __init__(self, past, length, mask=None):
        """`past`, [rows], tokens that were read before; `mask`, [rows, length], True for tokens."""
        steps = torch.arange(length, device=past.device)
        self.past, self.length = past, length
        self.positions = past[:, None] + steps
        self.mask = mask
        self.counts = past.new_full(past.shape, length) if mask is None else mask.sum(1)

    @property
    def lengths(self):
        """Tokens of every row so far."""
        return self.past + self.counts

    def to(self, device):
        """The same where a layer is that stands on another device."""
        if device == self.past.device:
            return self
        mask = None if self.mask is None else self.mask.to(device)
        return Rows(self.past.to(device), self.length, mask)

    def clear(self, x):
        """`x`, [rows, tokens, ...], with zeros on padding."""
        return x if self.mask is None else x.masked_fill(~expanded(self.mask, x), 0)

    def last(self, before, new):
        """As many tokens as `before` has, of it followed by the new ones."""
        whole = torch.cat([before, new], 1)
        if self.mask is None:
            return whole[:, whole.shape[1] - before.shape[1] :]
        slots = torch.arange(before.shape[1], device=new.device)
        return picked(whole, self.counts[:, None] + slots)

    def first(self, before, new):
        """The first tokens of every row, of which `before` has those that were read."""
        slots = torch.arange(before.shape[1], device=new.device) - self.past[:, None]
        if slots.shape[1] == 0:
            return before
        is_new = (slots >= 0) & (slots < self.counts[:, None])
        return torch.where(
            expanded(is_new, before), picked(new, slots.clamp(0, self.length - 1)), before
        )

    def delayed(self, before, new, skipped):
        """Of every token what stood as many tokens earlier as `before` has; zeros where nothing
        did, or one of the first tokens, which are skipped."""
        delay = before.shape[1]
        late = torch.cat([before, new], 1)[:, : self.length]
        return late.masked_fill(expanded(self.positions - delay < skipped, late), 0)


class Step:
    """What the layers of one pass are given beside their input."""

    def __init__(self, rows, cache, shared):
        self.rows, self.cache, self.shared = rows, cache, shared


def expanded(mask, x):
    return mask.view(*mask.shape, *[1] * (x.dim() - mask.dim()))


def picked(x, index):
    """x[row, index[row, i]], whatever follows these two dimensions."""
    return x.gather(1, expanded(index, x).expand(-1, -1, *x.shape[2:]))


class LinearizeCache:
    """What a model remembers of the texts of a batch: per layer a few tensors, rows first."""

    is_compileable = False
    # transformers may run this file again for another folder, and classes are then not the same.
    is_linearize = True

    def __init__(self):
        self.layers = {}
        # Tokens of every row, [rows], and columns of the attention mask, padding included.
        self.positions = None
        self.columns = 0

    def layer(self, index):
        return self.layers.setdefault(index, {})

    def get_seq_length(self, layer_idx=0):
        return self.columns

    def get_max_length(self):
        return None

    def get_max_cache_shape(self, layer_idx=0):
        return -1

    def reorder_cache(self, beam_idx):
        self._apply(lambda x: x.index_select(0, beam_idx.to(x.device)))
        return self

    def batch_repeat_interleave(self, repeats):
        self._apply(lambda x: x.repeat_interleave(repeats, 0))

    def batch_select_indices(self, indices):
        self._apply(lambda x: x[indices])

    def _apply(self, change):
        if self.positions is not None:
            self.positions = change(self.positions)
        for memory in self.layers.values():
            for name, tensor in memory.items():
                memory[name] = change(tensor)


def remembered(memory, name, *shape, like):
    """What a layer remembers under a name; zeros of an empty past."""
    found = memory.get(name)
    return like.new_zeros(shape) if found is None else found


# Attention


class Heads:
    """Heads of the attention: query head h reads key and value head h / group."""

    def __init__(self, spec):
        self.queries, self.keys, self.dim = (
            spec["queryHeads"],
            spec["keyValueHeads"],
            spec["headDim"],
        )
        self.group = self.queries // self.keys
        self.scale, self.cap = spec["scale"], spec["softCap"]
        self.is_causal = spec["isCausal"]

    def repeated(self, x, dim=2):
        """One head for every query head."""
        return x.repeat_interleave(self.group, dim) if self.group > 1 else x

    def split(self, x):
        return x.unflatten(-1, (-1, self.dim))

    def grouped(self, x):
        """[rows, tokens, query heads, dim] -> [rows, key heads, group, tokens, dim]."""
        return x.unflatten(2, (self.keys, self.group)).permute(0, 2, 3, 1, 4)

    def scores(self, queries, keys):
        """[rows, query heads, queries, keys] of [rows, tokens, heads, dim]."""
        products = self.grouped(queries) @ keys.permute(0, 2, 3, 1)[:, :, None]
        products = self.scale * products.flatten(1, 2)
        return products if self.cap is None else self.cap * torch.tanh(products / self.cap)

    def sums(self, weights, values):
        """[rows, queries, query heads, dim] of weights of `scores` and values."""
        weights = weights.unflatten(1, (self.keys, self.group))
        sums = weights @ values.transpose(1, 2)[:, :, None]
        return sums.flatten(1, 2).transpose(1, 2)


class Window:
    """Which of the last keys a query reads by softmax."""

    def __init__(self, kind, size, sinks):
        self.kind, self.size, self.sinks = kind, size, sinks

    @property
    def kept(self):
        """Tokens before a query that it may read."""
        return {"none": 0, "sliding": self.size - 1, "terrace": 2 * self.size - 1}[self.kind]

    def start(self, position):
        """First key that the query at a position reads; the one behind it when none."""
        if self.kind == "none":
            return position + 1
        if self.kind == "sliding":
            return (position - self.size + 1).clamp(min=0)
        return ((torch.div(position, self.size, rounding_mode="floor") - 1) * self.size).clamp(
            min=0
        )


NO_WINDOW = Window("none", 0, 0)


class Branch:
    """Weighted sums of values, e^scale N, and of the weights, e^scale D, not yet divided: N is
    [rows, tokens, heads, dim], D and the scale are [rows, tokens, heads, 1]."""

    def __init__(self, numerators, denominators, scales=None):
        self.numerators, self.denominators, self.scales = numerators, denominators, scales

    def output(self):
        return self.numerators / (self.denominators + EPSILON)


def chunks(length, size):
    return [(start, min(start + size, length)) for start in range(0, length, size)]


def window_branch(heads, window, queries, keys, values, rows, memory):
    """Softmax over a window and the first tokens."""
    kept, sinks = window.kept, window.sinks
    shape = (queries.shape[0], kept, *keys.shape[2:])
    old = [remembered(memory, "window." + name, *shape, like=keys) for name in ("keys", "values")]
    all_keys, all_values = torch.cat([old[0], keys], 1), torch.cat([old[1], values], 1)
    shape = (queries.shape[0], sinks, *keys.shape[2:])
    first = [
        rows.first(remembered(memory, "window.sink_" + name, *shape, like=keys), new)
        for name, new in (("keys", keys), ("values", values))
    ]
    sink_slots = torch.arange(sinks, device=keys.device)
    numerators, denominators, scales = [], [], []
    for begin, end in chunks(rows.length, CHUNK):
        at = rows.positions[:, begin:end, None]
        start = window.start(at)
        slots = torch.arange(begin, kept + end, device=keys.device)
        places = (rows.past[:, None] - kept + slots)[:, None]
        visible = torch.cat(
            [
                (sink_slots < start).expand(-1, -1, sinks),
                (places >= start) & (places <= at),
            ],
            -1,
        )
        near = slice(begin, kept + end)
        scores = heads.scores(
            queries[:, begin:end], torch.cat([first[0], all_keys[:, near]], 1)
        ).masked_fill(~visible[:, None], -math.inf)
        largest = scores.amax(-1, keepdim=True)
        weights = torch.exp(scores - largest)
        numerators.append(heads.sums(weights, torch.cat([first[1], all_values[:, near]], 1)))
        denominators.append(weights.sum(-1, keepdim=True).transpose(1, 2))
        scales.append(largest.transpose(1, 2))
    memory["window.keys"] = rows.last(old[0], keys)
    memory["window.values"] = rows.last(old[1], values)
    memory["window.sink_keys"], memory["window.sink_values"] = first
    return Branch(torch.cat(numerators, 1), torch.cat(denominators, 1), torch.cat(scales, 1))


def feature_branch(heads, window, queries, keys, values, rows, memory):
    """Linear attention over features: over the keys that have left the window and are none of the
    first tokens, or over all without a window."""
    if not heads.is_causal:
        keys, queries = rows.clear(keys).transpose(1, 2), queries.transpose(1, 2)
        sums = keys.transpose(2, 3) @ heads.repeated(values).transpose(1, 2)
        totals = keys.sum(2)[..., None]
        return Branch((queries @ sums).transpose(1, 2), (queries @ totals).transpose(1, 2))
    kept, (count, _, number, features) = window.kept, queries.shape
    old_keys = remembered(memory, "memory.keys", count, kept, number, features, like=keys)
    old_values = remembered(memory, "memory.values", count, kept, *values.shape[2:], like=values)
    all_keys = torch.cat([old_keys, keys], 1).transpose(1, 2)
    all_values = torch.cat([old_values, values], 1).transpose(1, 2)
    sums = remembered(memory, "memory.sums", count, number, features, heads.dim, like=keys)
    totals = remembered(memory, "memory.totals", count, number, features, 1, like=keys)
    numerators, denominators = [], []

    def absorbed(position):
        return torch.minimum(window.start(position), position)

    for begin, end in chunks(rows.length, CHUNK):
        at = rows.positions[:, begin:end, None]
        now = rows.past + rows.counts.clamp(max=begin)
        after = rows.past + rows.counts.clamp(max=end)
        slots = torch.arange(begin, kept + end, device=keys.device)
        places = rows.past[:, None] - kept + slots
        # What is in the sums already, and the first tokens, which never are.
        is_open = places >= absorbed(now).clamp(min=window.sinks)[:, None]
        places = places[:, None]
        visible = is_open[:, None] & (places < window.start(at)) & (places <= at)
        q = queries[:, begin:end].transpose(1, 2)
        k = all_keys[:, :, begin : kept + end]
        v = heads.repeated(all_values[:, :, begin : kept + end], 1)
        weights = (q @ k.transpose(2, 3)).masked_fill(~visible[:, None], 0)
        numerators.append((weights @ v + q @ sums).transpose(1, 2))
        denominators.append((weights.sum(-1, keepdim=True) + q @ totals).transpose(1, 2))
        leaves = is_open & (places[:, 0] < absorbed(after)[:, None])
        k = k.masked_fill(~leaves[:, None, :, None], 0)
        sums = sums + k.transpose(2, 3) @ v
        totals = totals + k.sum(2)[..., None]
    memory["memory.sums"], memory["memory.totals"] = sums, totals
    memory["memory.keys"] = rows.last(old_keys, keys)
    memory["memory.values"] = rows.last(old_values, values)
    return Branch(torch.cat(numerators, 1), torch.cat(denominators, 1))


def softmax_attention(heads, window, queries, keys, values, rows, memory):
    """A layer that kept softmax, over all keys or the last so many."""
    if not heads.is_causal:
        mask = None if rows.mask is None else rows.mask[:, None, None]
        return full_attention(heads, queries, keys, values, mask)
    places = rows.positions
    if rows.mask is not None:
        # Padding stands beyond every query.
        places = places.masked_fill(~rows.mask, torch.iinfo(places.dtype).max)
    is_fresh = "places" not in memory
    if not is_fresh:
        keys = torch.cat([memory["keys"], keys], 1)
        values = torch.cat([memory["values"], values], 1)
        places = torch.cat([memory["places"], places], 1)
    mask = None
    if not is_fresh or rows.mask is not None or window is not None:
        at = rows.positions[:, :, None]
        mask = places[:, None] <= at
        if window is not None:
            mask = mask & (places[:, None] > at - window)
        if rows.mask is not None:
            # Something finite for padding.
            mask = mask | ~rows.mask[:, :, None]
        mask = mask[:, None]
    output = full_attention(heads, queries, keys, values, mask, is_causal=mask is None)
    memory["keys"], memory["values"], memory["places"] = keys, values, places
    if window is not None:
        # Columns that no row will see again.
        is_past = places <= (rows.lengths - window)[:, None]
        is_past = (is_past | (places == torch.iinfo(places.dtype).max)).all(0)
        dropped = int(is_past.long().cumprod(0).sum())
        for name in ("keys", "values", "places"):
            memory[name] = memory[name][:, dropped:]
    return output


def full_attention(heads, queries, keys, values, mask, is_causal=False):
    if heads.cap is None:
        output = F.scaled_dot_product_attention(
            queries.transpose(1, 2), heads.repeated(keys).transpose(1, 2),
            heads.repeated(values).transpose(1, 2), attn_mask=mask, is_causal=is_causal,
            scale=heads.scale,
        )  # fmt: skip
        return output.transpose(1, 2)
    length, outputs = queries.shape[1], []
    for begin, end in chunks(length, CHUNK):
        scores = heads.scores(queries[:, begin:end].float(), keys.float())
        if is_causal:
            slots = torch.arange(keys.shape[1], device=keys.device)
            hidden = slots > slots[begin:end, None]
        else:
            hidden = (
                None if mask is None else ~(mask if mask.shape[2] == 1 else mask[:, :, begin:end])
            )
        if hidden is not None:
            scores = scores.masked_fill(hidden, -math.inf)
        outputs.append(heads.sums(scores.softmax(-1), values.float()))
    return torch.cat(outputs, 1).to(values.dtype)


# Recurrences


def wide(x):
    """For sums of logarithms, where the device has doubles."""
    return x if x.device.type == "mps" else x.double()


def decay_ratios(later, total, diagonal):
    """e^(later_t - total_s) of heads that forget as a whole, 0 for s > t + diagonal."""
    ratios = later - total.transpose(2, 3)
    future = torch.ones_like(ratios, dtype=torch.bool).triu(diagonal + 1)
    return torch.exp(ratios.masked_fill(future, -math.inf))


def gated_attention(queries, keys, values, log_decays, scale, rows, memory):
    """S = diag(e^g) S + kᵀ v, outputs scale q S; of [rows, tokens, heads, dim], decays None for a
    state that forgets nothing, and of [..., 1] one a head: their ratios are exact, however strong."""
    x = [None if t is None else t.transpose(1, 2) for t in (queries, keys, values, log_decays)]
    state = remembered(
        memory, "state", *x[1].shape[:2], x[1].shape[-1], x[2].shape[-1], like=values
    )
    outputs = []
    is_scalar = log_decays is not None and log_decays.shape[-1] == 1
    size = CHUNK if log_decays is None else CHUNK // 2 if is_scalar else DECAYING_CHUNK
    for begin, end in chunks(rows.length, size):
        q, k, v, g = (None if t is None else t[:, :, begin:end] for t in x)
        if g is None:
            far, kept, decay = q, k, 1
            weights = (q @ k.transpose(2, 3)).tril()
        else:
            total = wide(g).cumsum(2)
            middle = total[:, :, -1:] / 2
            if is_scalar:
                weights = (q @ k.transpose(2, 3)) * decay_ratios(total, total, 0).to(q)
            else:
                near = (q * torch.exp(total - middle).to(q), k * torch.exp(middle - total).to(k))
                weights = (near[0] @ near[1].transpose(2, 3)).tril()
            far = q * torch.exp(total).to(q)
            kept = k * torch.exp(total[:, :, -1:] - total).to(k)
            decay = torch.exp(total[:, :, -1:]).to(k).transpose(2, 3)
        outputs.append(weights @ v + far @ state)
        state = decay * state + kept.transpose(2, 3) @ v
    memory["state"] = state
    return scale * torch.cat(outputs, 2).transpose(1, 2)


def delta_rule(queries, keys, values, removals, writes, log_decays, scale, rows, memory):
    """P = diag(e^g) P + βᵀ (z P) + kᵀ v, where z reads the state before its decay; outputs are
    scale q P. Decays of [..., 1] are one a head; as such their ratios are exact, however strong."""
    x = [t.transpose(1, 2) for t in (queries, keys, values, removals, writes, log_decays)]
    state = remembered(
        memory, "state", *x[1].shape[:2], x[1].shape[-1], x[2].shape[-1], like=values
    )
    outputs = []
    is_scalar = x[5].shape[-1] == 1
    for begin, end in chunks(rows.length, CHUNK // 2 if is_scalar else DECAYING_CHUNK):
        q, k, v, z, b, g = (t[:, :, begin:end] for t in x)
        total = wide(g).cumsum(2)
        before, last = total - wide(g), total[:, :, -1:]
        middle = last / 2

        def over(t, exponent):
            return t * torch.exp(exponent).to(t)

        def pairs(left, exponent, right, diagonal):
            if is_scalar:
                ratios = decay_ratios(exponent, total, diagonal)
                return (left @ right.transpose(2, 3)) * ratios.to(left)
            near = over(right, middle - total).transpose(2, 3)
            return (over(left, exponent - middle) @ near).tril(diagonal)

        reading = over(z, before) @ state + pairs(z, before, k, -1) @ v
        lower = pairs(z, before, b, -1)
        identity = torch.eye(end - begin, dtype=v.dtype, device=v.device)
        found = torch.linalg.solve_triangular(
            identity - lower, reading, upper=False, unitriangular=True
        )
        outputs.append(
            over(q, total) @ state + pairs(q, total, b, 0) @ found + pairs(q, total, k, 0) @ v
        )
        state = (
            torch.exp(last).to(v).transpose(2, 3) * state
            + over(b, last - total).transpose(2, 3) @ found
            + over(k, last - total).transpose(2, 3) @ v
        )
    memory["state"] = state
    return scale * torch.cat(outputs, 2).transpose(1, 2)


# Feature maps


class FeatureMap:
    """Features of queries and keys, whose products stand for attention weights."""

    def __init__(self, spec, heads):
        self.spec, self.heads = spec, heads
        self.is_learned = spec["projection"] == "learned"
        self.dim = (spec["projectionDim"] if self.is_learned else None) or heads.dim
        self.scale = 1 / math.sqrt(self.dim) if self.is_learned else heads.scale
        self.activation = getattr(self, "_" + spec["kind"].replace("-", "_"))
        self.maximum_length = spec.get("maximumLength")

    def queries(self, x, layer, rows):
        return self._features(x, layer, rows, "feature_map_q")

    def keys(self, x, layer, rows):
        name = "feature_map_q" if self.spec["tied"] else "feature_map_k"
        features = self._features(x, layer, rows, name, is_key=True)
        return features if self.is_learned else self.heads.repeated(features)

    def _features(self, x, layer, rows, name, is_key=False):
        x = x.float()
        if self.is_learned:
            if is_key:
                x = self.heads.repeated(x)
            u = torch.einsum("bthd,hdp->bthp", x, layer.own(name + ".mlp.layer"))
            if self.spec["bias"]:
                u = u + layer.own(name + ".mlp.bias")[0, :, 0]
            x = u + x if self.spec["skipConnection"] else u
        return self.activation(x, layer, rows, is_key)

    def _both(self, function, u):
        halves = [u] if self.spec.get("space") == "half" else [u, -u]
        return torch.cat([function(half) for half in halves], -1).clamp(min=EPSILON)

    def _softmax(self, u, *_):
        return self._both(lambda x: x.softmax(-1), u)

    def _shifted_exponential(self, u, *_):
        return self._both(lambda x: torch.exp(x - x.amax(-1, keepdim=True)), u)

    def _exponential(self, u, *_):
        return torch.exp(torch.cat([u, -u], -1))

    def _joint_softmax(self, u, *_):
        return torch.cat([2 * u, -2 * u], -1).softmax(-1)

    def _one_plus_elu(self, u, *_):
        return torch.where(u > 0, 1 + u, torch.exp(u.clamp(max=0))).clamp(min=EPSILON)

    def _relu(self, u, *_):
        return u.clamp(min=EPSILON)

    _t2r = _relu

    def _exp(self, u, *_):
        return torch.exp((self.spec["temperature"] * u).clamp(max=34))

    def _dpfp(self, u, *_):
        x = torch.cat([u.relu(), (-u).relu()], -1)
        distances = range(1, self.spec["nu"] + 1)
        return torch.cat([x * x.roll(distance, -1) for distance in distances], -1)

    def _taylor(self, u, *_):
        first, second = torch.triu_indices(self.dim, self.dim, 1, device=u.device)
        return torch.cat(
            [
                torch.ones_like(u[..., :1]), math.sqrt(self.scale) * u,
                self.scale * math.sqrt(0.5) * u * u, self.scale * u[..., first] * u[..., second],
            ],
            -1,
        )  # fmt: skip

    def _cosformer(self, u, layer, rows, is_key):
        angle = wide(rows.positions) * (0.5 * math.pi / self.maximum_length)
        cosine, sine = (f(angle)[..., None, None].to(u) for f in (torch.cos, torch.sin))
        return torch.cat([u.relu() * cosine, u.relu() * sine], -1)

    def _performer(self, u, layer, rows, is_key):
        directions = layer.own("feature_map.directions")
        exponents = math.sqrt(self.scale) * (u @ directions.T)
        if is_key:
            shift = (directions.square().sum(-1).amax() / 2 - 60).clamp(min=0)
            exponents = exponents - self.scale / 2 * u.square().sum(-1, keepdim=True) - shift
        else:
            exponents = exponents - exponents.amax(-1, keepdim=True)
        return (torch.exp(exponents) + self.spec["epsilon"]) / math.sqrt(directions.shape[0])


# Mixers: what stands between a layer's projections and its output projection. Each is given the
# layer's input and what the layer remembers, and gives [rows, tokens, heads, dim] in float32.


class LinearMixer:
    def __init__(self, spec, heads):
        self.map, self.heads = FeatureMap(spec["featureMap"], heads), heads

    def branch(self, inputs, rows, memory, window=NO_WINDOW):
        layer = inputs.layer
        return feature_branch(
            self.heads, window, self.map.queries(inputs.queries, layer, rows),
            self.map.keys(inputs.keys, layer, rows), inputs.values.float(), rows, memory,
        )  # fmt: skip

    def __call__(self, inputs, rows, memory):
        return self.branch(inputs, rows, memory).output()


class SharedWindowMixer(LinearMixer):
    """Window and features under one denominator, features in units of the window's largest
    weight."""

    def __init__(self, spec, heads, window):
        super().__init__(spec, heads)
        self.window, self.is_affine = window, spec["affineAttentionFactors"]

    def __call__(self, inputs, rows, memory):
        near = softmax_branch(self.heads, self.window, inputs, rows, memory)
        far = self.branch(inputs, rows, memory, self.window)
        gamma = inputs.layer.own("window_factors")[0].sigmoid().view(-1, 1)
        weight = 1 - gamma if self.is_affine else 1
        return (gamma * near.numerators + weight * far.numerators) / (
            gamma * near.denominators + weight * far.denominators
        )


def softmax_branch(heads, window, inputs, rows, memory):
    x = [t.float() for t in (inputs.queries, inputs.keys, inputs.values)]
    return window_branch(heads, window, *x, rows, memory)


class RecurrentMixer:
    """What the recurrences of RADLADS share; of a memory of older keys alone `delay` is the window
    that every token has to leave first."""

    def __init__(self, spec, heads, delay=None):
        self.spec, self.heads, self.delay = spec, heads, delay

    def late(self, x, name, rows, memory):
        """Zeros on padding, which must not change a state."""
        if self.delay is not None:
            shape = (x.shape[0], self.delay.size, *x.shape[2:])
            before = remembered(memory, "delayed." + name, *shape, like=x)
            memory["delayed." + name] = rows.last(before, x)
            x = rows.delayed(before, x, self.delay.sinks)
        return rows.clear(x)

    def normed(self, x, layer):
        """Every head by itself, with weight and bias of every channel."""
        mean = x.mean(-1, keepdim=True)
        deviation = ((x - mean).square().mean(-1, keepdim=True) + self.heads.dim * 1e-5).sqrt()
        weight, bias = (self.heads.split(layer.own("ln_x." + name)) for name in ("weight", "bias"))
        return (x - mean) / deviation * weight + bias

    def gated(self, outputs, x, layer):
        kind = self.spec["gateRankType"]
        if kind == 0:
            return outputs
        if kind == 1:
            gate = (x @ layer.own("gate.weight").T).sigmoid()
        else:
            gate = (x @ layer.own("g1")).sigmoid() @ layer.own("g2")
        return outputs * self.heads.split(gate)


class QLinAtt(RecurrentMixer):
    def __call__(self, inputs, rows, memory):
        queries = inputs.queries if self.spec["rotary"] else inputs.project("queries")
        keys = inputs.keys if self.spec["rotary"] else inputs.project("keys")
        outputs = gated_attention(
            queries.float(), self.heads.repeated(self.late(keys.float(), "keys", rows, memory)),
            self.heads.repeated(self.late(inputs.values.float(), "values", rows, memory)),
            None, 1, rows, memory,
        )  # fmt: skip
        return self.normed(outputs, inputs.layer)


class RWKV6(RecurrentMixer):
    def __call__(self, inputs, rows, memory):
        layer, x = inputs.layer, inputs.stream.float()
        receptance, key, value, decay, gate = (
            self.shifted(x, layer, rows, memory) if self.spec["tokenShift"] else [x] * 5
        )
        queries, keys, values = (
            inputs.project(role, source).float()
            for role, source in (("queries", receptance), ("keys", key), ("values", value))
        )
        if self.spec["rotary"]:
            queries, keys = inputs.rotate(queries), inputs.rotate(keys)
        inner = torch.tanh(decay @ layer.own("time_decay_w1")) @ layer.own("time_decay_w2")
        speeds = self.heads.split(inner + layer.own("time_decay"))
        decays = (-torch.exp(speeds)).clamp(min=-5)
        keys = self.heads.repeated(keys)
        if self.spec["balanceState"]:
            keys = keys * -torch.expm1(decays)
        outputs = gated_attention(
            queries, self.late(keys, "keys", rows, memory),
            self.heads.repeated(self.late(values, "values", rows, memory)),
            self.late(decays, "decays", rows, memory), 1 / math.sqrt(self.heads.dim), rows, memory,
        )  # fmt: skip
        if self.spec["groupNorm"]:
            outputs = self.normed(outputs, layer)
        return self.gated(outputs, gate, layer)

    def shifted(self, x, layer, rows, memory):
        """The inputs for receptance, key, value, decay and gate, mixed with the token before."""
        last = remembered(memory, "last_input", x.shape[0], 1, x.shape[-1], like=x)
        difference = torch.cat([last, x], 1)[:, :-1] - x
        memory["last_input"] = rows.last(last, x)
        inner = torch.tanh((x + difference * layer.own("time_maa_x")) @ layer.own("time_maa_w1"))
        shares = torch.einsum(
            "btgr,grc->gbtc", inner.unflatten(-1, (5, -1)), layer.own("time_maa_w2")
        )
        return [
            x + difference * (share + layer.own("time_maa_" + name))
            for share, name in zip(shares, "rkvwg")
        ]


class RWKV7(RecurrentMixer):
    def __call__(self, inputs, rows, memory):
        layer, x, heads = inputs.layer, inputs.stream.float(), self.heads
        is_rotary = self.spec["rotary"]
        queries = (inputs.queries if is_rotary else inputs.project("queries")).float()
        keys = heads.repeated((inputs.keys if is_rotary else inputs.project("keys")).float())
        decays = -math.exp(-0.5) * self.share("w", torch.tanh(x @ layer.own("w1")), layer)
        rates = self.share("a", x @ layer.own("a1"), layer)
        if self.spec["balanceState"]:
            directions = self.unit(keys)
            written = keys * (rates - torch.expm1(decays))
        else:
            directions = self.unit(keys * heads.split(layer.own("k_k")))
            written = keys + keys * (rates - 1) * heads.split(layer.own("k_a"))
        values = self.values(inputs, x, layer)
        operands = [
            self.late(operand, name, rows, memory)
            for operand, name in (
                (written, "keys"), (values, "values"), (-directions, "removals"),
                (directions * rates, "writes"), (decays, "decays"),
            )
        ]  # fmt: skip
        has_norm = self.spec["groupNorm"]
        scale = 1 if has_norm else 1 / math.sqrt(heads.dim)
        outputs = delta_rule(queries, *operands, scale, rows, memory)
        if has_norm:
            outputs = self.normed(outputs, layer)
        return self.gated(outputs, x, layer)

    def share(self, name, inner, layer):
        return self.heads.split((inner @ layer.own(name + "2") + layer.own(name + "0")).sigmoid())

    def unit(self, x):
        return x / (torch.linalg.vector_norm(x, dim=-1, keepdim=True) + EPSILON)

    def values(self, inputs, x, layer):
        """Mixed with those of the first layer that has this student."""
        own = inputs.values.float()
        first = inputs.shared.setdefault("values", own).to(own.device)
        values = self.heads.repeated(own)
        if first is own or not layer.has_own("v0"):
            return values
        difference = self.heads.repeated(first) - values
        return values + difference * self.share("v", x @ layer.own("v1"), layer)


class ConvolvedMixer(RecurrentMixer):
    """Queries, keys and values without norms and positions, behind short convolutions."""

    def operands(self, inputs, rows, memory):
        return (
            self.heads.split(self.convolved(inputs, role, role[0] + "_conv1d", rows, memory))
            for role in ("queries", "keys", "values")
        )

    def convolved(self, inputs, role, name, rows, memory):
        """Every channel by itself over the last tokens, and SiLU."""
        x = inputs.layer.project(role, inputs.stream, is_normed=False).flatten(2).float()
        weight = inputs.layer.own(name + ".weight")
        last = remembered(memory, name, x.shape[0], weight.shape[-1] - 1, x.shape[-1], like=x)
        memory[name] = rows.last(last, x)
        taps = torch.cat([last, x], 1).transpose(1, 2)
        return F.silu(F.conv1d(taps, weight, groups=x.shape[-1]).transpose(1, 2))

    def steps(self, x, layer, name):
        """How fast the heads forget, [rows, tokens, heads, 1]."""
        return F.softplus(x @ layer.own(name + ".weight").T + layer.own("dt_bias"))[..., None]

    def gate(self, x, layer):
        return self.heads.split(F.silu(x @ layer.own("in_proj_z.weight").T))


class GatedDeltaNet(ConvolvedMixer):
    """As transformers has it for Qwen3.5, but that heads of queries may share those of keys."""

    def __call__(self, inputs, rows, memory):
        layer, x, heads = inputs.layer, inputs.stream.float(), self.heads
        queries, keys, values = self.operands(inputs, rows, memory)
        queries, keys = self.unit(queries), heads.repeated(self.unit(keys))
        rates = (x @ layer.own("in_proj_b.weight").T).sigmoid()[..., None]
        decays = -layer.own("A_log").exp()[:, None] * self.steps(x, layer, "in_proj_a")
        operands = [
            self.late(operand, name, rows, memory)
            for operand, name in (
                (keys, "keys"), (heads.repeated(values) * rates, "values"), (-keys, "removals"),
                (keys * (rates * decays.exp()), "writes"), (decays, "decays"),
            )
        ]  # fmt: skip
        outputs = delta_rule(queries, *operands, 1 / math.sqrt(heads.dim), rows, memory)
        outputs = outputs / (outputs.square().mean(-1, keepdim=True) + 1e-6).sqrt()
        return outputs * layer.own("norm.weight") * self.gate(x, layer)

    def unit(self, x):
        return x / (x.square().sum(-1, keepdim=True) + 1e-6).sqrt()


class Mamba2(ConvolvedMixer):
    """As transformers has it for GraniteMoeHybrid, every head with a group of its own."""

    def __call__(self, inputs, rows, memory):
        layer, x, heads = inputs.layer, inputs.stream.float(), self.heads
        queries, keys, values = self.operands(inputs, rows, memory)
        keys = heads.repeated(self.late(keys, "keys", rows, memory))
        values = heads.repeated(self.late(values, "values", rows, memory))
        steps = self.late(self.steps(x, layer, "in_proj_dt"), "steps", rows, memory)
        decays = -layer.own("A_log").exp()[:, None] * steps
        outputs = gated_attention(queries, keys, values * steps, decays, 1, rows, memory)
        outputs = (outputs + layer.own("D")[:, None] * values) * self.gate(x, layer)
        outputs = outputs / (outputs.square().mean(-1, keepdim=True) + 1e-5).sqrt()
        return outputs * heads.split(layer.own("norm.weight"))


RECURRENCES = {
    "rad-rwkv6": RWKV6, "rad-rwkv7": RWKV7, "qlinatt": QLinAtt, "gated-delta-net": GatedDeltaNet,
    "mamba-2": Mamba2,
}  # fmt: skip


class WindowMemoryMixer:
    """A softmax window and a memory, joined by a policy."""

    def __init__(self, spec, heads):
        memory, self.heads, self.policy = spec["memory"], heads, spec["policy"]
        window = spec["window"]
        self.window = Window(window["kind"], window["size"], window["sinks"])
        self.reads_older = memory["keys"] == "older"
        self.is_normalized = memory["kind"] == "feature-map"
        if self.is_normalized:
            self.memory = LinearMixer(memory, heads)
        else:
            delay = self.window if self.reads_older else None
            self.memory = RECURRENCES[memory["kind"]](memory, heads, delay)
        self.join = getattr(self, "_" + self.policy["kind"].replace("-", "_"))

    def __call__(self, inputs, rows, memory):
        near = softmax_branch(self.heads, self.window, inputs, rows, memory)
        if self.reads_older:
            # The window's first key is then none of the first tokens: something has left.
            holds = (self.window.start(rows.positions) > self.window.sinks)[..., None, None].float()
        else:
            holds = torch.ones(1, device=near.numerators.device)
        if self.is_normalized:
            far = self.memory.branch(
                inputs, rows, memory, self.window if self.reads_older else NO_WINDOW
            )
        else:
            far = self.memory(inputs, rows, memory) * holds
        return self.join(near, far, holds, inputs)

    def _mixed(self, near, far, share):
        return (1 - share) * near + share * far

    def _projected_sum(self, near, far, holds, inputs):
        projection = inputs.layer.own("memory_projection")
        return near.output() + torch.einsum("bthd,hde->bthe", output(far), projection)

    def _gated(self, near, far, holds, inputs):
        weight = inputs.layer.own("memory_gate.weight")
        logits = torch.einsum("bthd,hde->bthe", inputs.queries.float(), weight)
        share = (logits + inputs.layer.own("memory_gate.bias")[0, :, 0]).sigmoid() * holds
        return self._mixed(near.output(), output(far), share)

    def _average(self, near, far, holds, inputs):
        return self._mixed(near.output(), output(far), 0.5 * holds)

    def _normed_average(self, near, far, holds, inputs):
        def normed(x, name):
            x = x / (x.square().mean(-1, keepdim=True) + 1e-6).sqrt()
            return x * self.heads.split(inputs.layer.own(name))

        share = 0.5 * holds
        if self.policy["trainShare"]:
            share = inputs.layer.own("memory_share")[0].sigmoid().view(-1, 1) * holds
        return self._mixed(
            normed(near.output(), "window_norm"), normed(output(far), "memory_norm"), share
        )

    def _alpha_sum(self, near, far, holds, inputs):
        return output(far) + inputs.layer.own("window_alpha")[0].view(-1, 1) * near.output()

    def _shared(self, near, far, holds, inputs):
        """In absolute units; those of the window's largest weight are another mixer."""
        factors = inputs.layer.own("memory_log_factors")[0].view(-1, 1)
        tiny = torch.finfo(torch.float32).tiny
        scales = near.scales, factors.expand_as(near.scales)
        logs = [
            scale + branch.denominators.clamp(min=tiny).log()
            for scale, branch in zip(scales, (near, far))
        ]
        largest = torch.maximum(*logs).detach()
        weights = [torch.exp(scale - largest) for scale in scales]
        return (weights[0] * near.numerators + weights[1] * far.numerators) / (
            weights[0] * near.denominators + weights[1] * far.denominators
        )


def output(branch):
    return branch if isinstance(branch, torch.Tensor) else branch.output()


def make_mixer(spec, heads):
    """The mixer that a recipe's student describes, every default spelled."""
    kind = spec["mixer"]
    if kind in ("sliding-window", "terrace-window"):
        window = Window(kind.removesuffix("-window"), spec["windowSize"], spec["sinks"])
        return SharedWindowMixer(spec, heads, window)
    if kind == "linear":
        return LinearMixer(spec, heads)
    if kind in RECURRENCES:
        return RECURRENCES[kind](spec, heads)
    if kind != "window-memory":
        raise ValueError(f'linearize: the mixer "{kind}" is not known here')
    memory, window, policy = spec["memory"], spec.get("window"), spec.get("policy")
    if window is None:
        is_linear = memory["kind"] == "feature-map"
        return (
            LinearMixer(memory, heads) if is_linear else RECURRENCES[memory["kind"]](memory, heads)
        )
    if policy["kind"] == "shared" and policy["units"] == "rowMax":
        window = Window(window["kind"], window["size"], window["sinks"])
        return SharedWindowMixer(memory | policy, heads, window)
    return WindowMemoryMixer(spec, heads)


# Modules, at the places where the checkpoint has their tensors


class Group(nn.Module):
    """What stands between two dots of a tensor's name."""


class Transposed(nn.Module):
    """A projection whose weight is [inputs, outputs]."""

    def __init__(self, shape, bias):
        super().__init__()
        self.weight = nn.Parameter(0.02 * torch.randn(shape))
        self.bias = nn.Parameter(torch.zeros(shape[1])) if bias else None


class Norm(nn.Module):
    def __init__(self, spec):
        super().__init__()
        self.epsilon, self.offset = spec["epsilon"], spec.get("offset", 0)
        self.weight = nn.Parameter(torch.full(spec["shape"], 1.0 - self.offset))
        self.bias = nn.Parameter(torch.zeros(spec["shape"])) if "bias" in spec else None

    def forward(self, x):
        width, kind, shape = self.weight.shape[0], x.dtype, x.shape
        x = x.float().unflatten(-1, (-1, width))
        if self.bias is not None:
            x = F.layer_norm(x, (width,), self.weight.float(), self.bias.float(), self.epsilon)
        else:
            x = x / (x.square().mean(-1, keepdim=True) + self.epsilon).sqrt()
            x = x * (self.weight.float() + self.offset)
        return x.view(shape).to(kind)


def at(module, path):
    for name in path.split("."):
        module = getattr(module, name)
    return module


def has(module, path):
    for name in path.split("."):
        module = getattr(module, name, None)
    return module is not None


def attach(root, path, child):
    """Puts a module or a parameter at a path of names, unless one is there."""
    *groups, last = path.split(".")
    for name in groups:
        if not hasattr(root, name):
            root.add_module(name, Group())
        root = getattr(root, name)
    if isinstance(child, nn.Parameter):
        root.register_parameter(last, child)
    elif not hasattr(root, last):
        root.add_module(last, child)


def without_weight(name):
    return name.removesuffix(".weight")


ACTIVATIONS = {
    "silu": F.silu,
    "gelu": F.gelu,
    "geluTanh": lambda x: F.gelu(x, approximate="tanh"),
    "relu": F.relu,
}
ADAPTED = {"queries": "q_proj", "keys": "k_proj", "values": "v_proj", "output": "o_proj"}


class Inputs:
    """What a mixer reads of its layer, made when it is asked for."""

    def __init__(self, layer, stream, shared):
        self.layer, self.stream, self.shared = layer, stream, shared
        self._made = {}

    def project(self, role, x=None):
        return self.layer.project(role, self.stream if x is None else x)

    def rotate(self, x):
        return self.layer.rotate(x)

    def _get(self, role):
        if role not in self._made:
            x = self.project(role)
            self._made[role] = x if role == "values" else self.rotate(x)
        return self._made[role]

    queries = property(lambda self: self._get("queries"))
    keys = property(lambda self: self._get("keys"))
    values = property(lambda self: self._get("values"))


class Place:
    """A layer in one pass: its modules, its own tensors, and the rotations of the tokens."""

    def __init__(self, layer, own, rotation):
        self.layer, self._own, self.rotation = layer, own, rotation

    def own(self, name):
        return at(self._own, name).float()

    def has_own(self, name):
        return has(self._own, name)

    def project(self, role, x, is_normed=True):
        """[rows, tokens, heads, dim], normalised where the family does so, without positions."""
        layer = self.layer
        y = self.adapted(role, x, layer.linear(role, x))
        norm = {"queries": "queryNorm", "keys": "keyNorm"}.get(role) if is_normed else None
        if norm is not None and layer.spec[norm] is not None:
            y = layer.module(layer.spec[norm])(y)
        return layer.heads.split(y)

    def adapted(self, role, x, y):
        name = ADAPTED[role]
        if not self.has_own(name + ".lora_A.weight"):
            return y
        a, b = (at(self._own, f"{name}.lora_{part}.weight") for part in "AB")
        return y + layer_scale(self.layer) * F.linear(F.linear(x.to(a.dtype), a), b).to(y.dtype)

    def rotate(self, x):
        if self.rotation is None:
            return x
        cosine, sine = self.rotation
        half = cosine.shape[-1]
        y = x.float()
        low, high, rest = y[..., :half], y[..., half : 2 * half], y[..., 2 * half :]
        turned = torch.cat([low * cosine - high * sine, high * cosine + low * sine, rest], -1)
        return turned.to(x.dtype)


def layer_scale(layer):
    return layer.model["adapterScale"]


class LinearizeLayer(nn.Module):
    def __init__(self, model, index, heads, mixer, prefix):
        super().__init__()
        self.model, self.spec, self.index = model, model["block"], index
        self.heads, self.mixer, self.prefix = heads, mixer, prefix + "."
        self.window = model["slidingWindows"][index]
        for role in ("queries", "keys", "values", "output", "gate", "up", "down"):
            spec = self.spec[role]
            if spec is None:
                continue
            bias = spec["bias"] is not None
            made = Transposed if spec["isTransposed"] else nn.Linear
            arguments = (spec["shape"],) if spec["isTransposed"] else spec["shape"][::-1]
            self.attach(spec, made(*arguments, bias=bias))
        norms = [self.spec["queryNorm"], self.spec["keyNorm"]]
        norms += self.spec["attentionNorms"].values()
        norms += self.spec["feedForwardNorms"].values()
        for spec in norms:
            if spec is not None:
                self.attach(spec, Norm(spec))

    def attach(self, spec, module):
        attach(self, self.path(spec), module)

    def path(self, spec):
        return without_weight(spec["weight"]).removeprefix(self.prefix)

    def module(self, spec):
        return at(self, self.path(spec))

    def norm(self, branch, when, x):
        spec = self.spec[branch][when]
        return x if spec is None else self.module(spec)(x)

    def linear(self, role, x):
        """Of the input's type, whatever that of the weight: files may hold several."""
        spec = self.spec[role]
        module = self.module(spec)
        if not spec["isTransposed"] and spec["rows"] is None:
            y = module(x.to(module.weight.dtype) if module.weight.is_floating_point() else x)
            return y.to(x.dtype)
        weight = module.weight.T if spec["isTransposed"] else module.weight
        bias = module.bias
        if spec["rows"] is not None:
            weight, bias = (
                (
                    None
                    if t is None
                    else torch.cat([t[first : first + count] for first, count in spec["rows"]])
                )
                for t in (weight, bias)
            )
        return F.linear(x.to(weight.dtype), weight, bias).to(x.dtype)

    def forward(self, x, own, rotation, step):
        rows, memory = step.rows.to(x.device), step.cache.layer(self.index)
        place = Place(self, own, rotation)
        inputs = Inputs(place, self.norm("attentionNorms", "before", x), step.shared)
        if self.mixer is None:
            mixed = softmax_attention(
                self.heads, self.window, inputs.queries, inputs.keys, inputs.values, rows, memory
            )
        else:
            mixed = self.mixer(inputs, rows, memory)
        mixed = rows.clear(mixed).flatten(2).to(x.dtype)
        added = place.adapted("output", mixed, self.linear("output", mixed))
        attended = x + self.norm("attentionNorms", "after", added)
        attended = self.norm("attentionNorms", "sum", attended)
        read = x if self.spec["isParallel"] else attended
        read = self.norm("feedForwardNorms", "before", read)
        activation = ACTIVATIONS[self.model["activation"]]
        if self.spec["gate"] is None:
            inner = activation(self.linear("up", read))
        else:
            inner = activation(self.linear("gate", read)) * self.linear("up", read)
        fed = self.norm("feedForwardNorms", "after", self.linear("down", inner))
        return self.norm("feedForwardNorms", "sum", attended + fed)


class LinearizePreTrainedModel(PreTrainedModel):
    config_class = LinearizeConfig
    supports_gradient_checkpointing = True
    _no_split_modules = ["LinearizeLayer"]
    _skip_keys_device_placement = "past_key_values"
    _supports_sdpa = True
    # Its memory cannot be cut back to fewer tokens, which assisted decoding would need.
    _is_stateful = True
    # Of the teacher's checkpoint, and of no use here.
    _keys_to_ignore_on_load_unexpected = [
        r"(^|\.)(pooler|cls)\.", r"(position_ids|inv_freq|masked_bias)$", r"\.attn(ention)?\.bias$",
        r"^(lm_head|embed_out)\.weight$",
    ]  # fmt: skip

    @classmethod
    def _supports_default_dynamic_cache(cls):
        return False

    def __init__(self, config, has_head):
        super().__init__(config)
        model = config.linearize["model"]
        self.gradient_checkpointing = False
        heads = Heads(model["attention"])
        mixer, tensors = make_mixer(model["student"], heads), model["tensors"]
        tables = ["embedding", "positions", "tokenTypes"]
        for name in tables:
            if tensors[name] is not None:
                attach(
                    self,
                    without_weight(tensors[name]["weight"]),
                    nn.Embedding(*tensors[name]["shape"]),
                )
        for name in ("embeddingNorm", "finalNorm"):
            if tensors[name] is not None:
                attach(self, without_weight(tensors[name]["weight"]), Norm(tensors[name]))
        pattern = model["block"]["queries"]["weight"]
        self._layer_path = pattern[: pattern.index("{}") + 2]
        converted = set(model["convertedLayers"])
        for index in range(model["layers"]):
            layer = LinearizeLayer(
                model, index, heads, mixer if index in converted else None, self._layer_path
            )
            attach(self, self._layer_path.replace("{}", str(index)), layer)
        for spec in model["own"]:
            for index in spec["layers"]:
                value = nn.Parameter(0.02 * torch.randn(spec["shape"]))
                attach(self, spec["name"].replace("{}", str(index)), value)
        self._head = tensors["head"] or tensors["embedding"]
        if has_head and tensors["head"] is not None:
            rows, width = self._head["shape"]
            attach(self, without_weight(self._head["weight"]), nn.Linear(width, rows, bias=False))
        self.post_init()

    def _init_weights(self, module):
        """Random values were made with the modules."""

    @property
    def _model(self):
        return self.config.linearize["model"]

    def _table(self, name):
        return without_weight(self._model["tensors"][name]["weight"])

    def get_input_embeddings(self):
        return at(self, self._table("embedding"))

    def set_input_embeddings(self, value):
        *groups, last = self._table("embedding").split(".")
        setattr(at(self, ".".join(groups)) if groups else self, last, value)

    def layer(self, index):
        return at(self, self._layer_path.replace("{}", str(index)))

    def own_tensors(self, index):
        path = f"model.layers.{index}.self_attn"
        return at(self, path) if has(self, path) else None

    # Positions

    def rotations(self, rows):
        """Cosines and sines, [rows, tokens, 1, pairs], by the number of the table."""
        rotary = self._model["rotary"]
        if rotary is None:
            return {}
        return {
            index: self.rotation(table, rows)
            for index, table in enumerate(rotary["tables"])
            if index in rotary["layers"]
        }

    def rotation(self, table, rows):
        device = rows.past.device
        frequencies = torch.tensor(table["frequencies"], dtype=torch.float32, device=device)
        if table["longFrequencies"] is not None:
            long = torch.tensor(table["longFrequencies"], dtype=torch.float32, device=device)
            is_long = (rows.lengths > table["originalContext"])[:, None]
            if bool(self.turns_otherwise(rows.past, rows.lengths)):
                raise ValueError(
                    f"linearize: a text grew beyond {table['originalContext']} tokens, where this "
                    "model has other positions for all of them; read it again from its start"
                )
            frequencies = torch.where(is_long, long, frequencies)[:, None]
        angles = wide(rows.positions[..., None].float() * frequencies)
        return tuple(
            table["amplitude"] * f(angles).float()[:, :, None] for f in (torch.cos, torch.sin)
        )

    def turns_otherwise(self, past, lengths):
        """Whether tokens that were read would have other positions in texts of these lengths."""
        tables = (self._model["rotary"] or {"tables": []})["tables"]
        return any(
            bool(((past > 0) & (past <= bound) & (lengths > bound)).any())
            for bound in {table["originalContext"] for table in tables} - {None}
        )

    # Passes

    def run(
        self, input_ids, attention_mask, past_key_values, inputs_embeds, use_cache,
        output_hidden_states,
    ):  # fmt: skip
        model = self._model
        if output_hidden_states is None:
            output_hidden_states = getattr(self.config, "output_hidden_states", False)
        if (input_ids is None) == (inputs_embeds is None):
            raise ValueError("linearize: give input_ids or inputs_embeds")
        x = self.get_input_embeddings()(input_ids) if inputs_embeds is None else inputs_embeds
        count, length = x.shape[:2]
        cache = self.cache(past_key_values, use_cache)
        past = None if cache is None else cache.positions
        if past is None:
            past = torch.zeros(count, dtype=torch.long, device=x.device)
        mask = self.mask(attention_mask, length)
        order = None
        if mask is not None:
            # Rows are worked on with their tokens in front, in the order they have.
            order = torch.argsort((~mask).to(torch.uint8), dim=1, stable=True)
            x, mask = picked(x, order), picked(mask, order)
        rows = Rows(past, length, mask)
        self.check_length(rows, cache)
        x = self.embedded(x, rows)
        rotations, states = self.rotations(rows), []
        step = Step(rows, LinearizeCache() if cache is None else cache, {})
        for index in range(model["layers"]):
            if output_hidden_states:
                states.append(x)
            table = None if model["rotary"] is None else model["rotary"]["layers"][index]
            layer, own = self.layer(index), self.own_tensors(index)
            if self.gradient_checkpointing and self.training:
                x = self.checkpointed(layer, x, own, rotations.get(table), step)
            else:
                x = layer(x, own, rotations.get(table), step)
        if model["tensors"]["finalNorm"] is not None:
            x = at(self, self._table("finalNorm"))(x)
        x = rows.clear(x)
        if output_hidden_states:
            states.append(x)
        if order is not None:
            back = torch.argsort(order, 1)
            x, states = picked(x, back), [picked(state, back) for state in states]
        if cache is not None:
            cache.positions = rows.lengths
            cache.columns += length
        return x, cache, tuple(states) if output_hidden_states else None

    def checkpointed(self, layer, x, own, rotation, step):
        """What a layer shares goes through as a result, so that its gradient is kept."""

        def body(x, values):
            shared = {} if values is None else {"values": values}
            y = layer(x, own, rotation, Step(step.rows, LinearizeCache(), shared))
            return y, shared.get("values")

        known = step.shared.get("values")
        x, values = self._gradient_checkpointing_func(body, x, known)
        if known is None and values is not None:
            step.shared["values"] = values
        return x

    def cache(self, given, use_cache):
        if hasattr(given, "is_linearize"):
            return given
        if given is not None and (
            not hasattr(given, "get_seq_length") or given.get_seq_length() > 0
        ):
            raise ValueError(
                f"linearize: past_key_values is a {type(given).__name__}, expected None or what an "
                "earlier pass of this model gave"
            )
        if use_cache is None:
            use_cache = getattr(self.config, "use_cache", True) and not self.training
        is_decoder = self._model["attention"]["isCausal"]
        is_checkpointed = self.gradient_checkpointing and self.training
        return LinearizeCache() if use_cache and is_decoder and not is_checkpointed else None

    def mask(self, attention_mask, length):
        """True for the tokens of this pass; None when there is no padding among them."""
        if attention_mask is None:
            return None
        if attention_mask.dim() != 2:
            raise ValueError(
                f"linearize: attention_mask has {attention_mask.dim()} dimensions, expected 2: rows "
                "of ones for tokens and zeros for padding"
            )
        mask = attention_mask[:, -length:].bool()
        return None if bool(mask.all()) else mask

    def check_length(self, rows, cache):
        limit = self._model["maximumLength"]
        columns = rows.length + (0 if cache is None else cache.columns)
        if limit is None or columns <= limit:
            return
        longest = int(rows.lengths.max())
        if longest > limit:
            raise ValueError(
                f"linearize: a text of {longest} tokens, this model reads {limit} at most"
            )

    def embedded(self, x, rows):
        tensors, scale = self._model["tensors"], self._model["embeddingScale"]
        if scale is not None:
            x = x * scale
        if tensors["positions"] is not None:
            table = at(self, self._table("positions"))
            x = x + table(rows.positions.clamp(max=table.num_embeddings - 1))
        if tensors["tokenTypes"] is not None:
            x = x + at(self, self._table("tokenTypes")).weight[0]
        if tensors["embeddingNorm"] is not None:
            x = at(self, self._table("embeddingNorm"))(x)
        return rows.clear(x)


class LinearizeModel(LinearizePreTrainedModel):
    """Hidden states after the last norm."""

    def __init__(self, config):
        super().__init__(config, has_head=False)

    def forward(
        self, input_ids=None, attention_mask=None, position_ids=None, past_key_values=None,
        inputs_embeds=None, use_cache=None, output_hidden_states=None, return_dict=None,
        token_type_ids=None, **kwargs,
    ):  # fmt: skip
        if token_type_ids is not None and bool(token_type_ids.any()):
            raise ValueError("linearize: every token is of type 0 here")
        x, cache, states = self.run(
            input_ids, attention_mask, past_key_values, inputs_embeds, use_cache,
            output_hidden_states,
        )  # fmt: skip
        outputs = BaseModelOutputWithPast(
            last_hidden_state=x, past_key_values=cache, hidden_states=states
        )
        return outputs.to_tuple() if return_dict is False else outputs


class LinearizeForCausalLM(LinearizePreTrainedModel, GenerationMixin):
    """Logits of the next token."""

    def __init__(self, config):
        super().__init__(config, has_head=True)

    def get_output_embeddings(self):
        if self._model["tensors"]["head"] is None:
            return None
        return at(self, self._table("head"))

    def set_output_embeddings(self, value):
        if self._model["tensors"]["head"] is None:
            raise ValueError("linearize: the head is the embedding; set that")
        *groups, last = self._table("head").split(".")
        setattr(at(self, ".".join(groups)) if groups else self, last, value)

    def logits(self, hidden):
        head = at(self, without_weight(self._head["weight"]))
        logits = F.linear(hidden.to(head.weight.dtype), head.weight)
        spec = self._model["logits"]
        if spec["scale"] != 1:
            logits = spec["scale"] * logits
        if spec["cap"] is not None:
            logits = spec["cap"] * torch.tanh(logits / spec["cap"])
        return logits

    def forward(
        self, input_ids=None, attention_mask=None, position_ids=None, past_key_values=None,
        inputs_embeds=None, labels=None, use_cache=None, output_hidden_states=None,
        return_dict=None, logits_to_keep=0, num_logits_to_keep=0, num_items_in_batch=None, **kwargs,
    ):  # fmt: skip
        x, cache, states = self.run(
            input_ids, attention_mask, past_key_values, inputs_embeds, use_cache,
            output_hidden_states,
        )  # fmt: skip
        kept = logits_to_keep if num_logits_to_keep == 0 else num_logits_to_keep
        logits = self.logits(
            x[:, (slice(-kept, None) if kept else slice(None)) if isinstance(kept, int) else kept]
        )
        loss = None
        if labels is not None:
            labels = labels.to(logits.device)[:, 1:].flatten()
            losses = F.cross_entropy(
                logits[:, :-1].flatten(0, 1).float(), labels, ignore_index=-100, reduction="sum"
            )
            counted = (labels != -100).sum() if num_items_in_batch is None else num_items_in_batch
            loss = losses / counted
        outputs = CausalLMOutputWithPast(
            loss=loss, logits=logits, past_key_values=cache, hidden_states=states
        )
        return outputs.to_tuple() if return_dict is False else outputs

    def prepare_inputs_for_generation(
        self, input_ids, past_key_values=None, attention_mask=None, inputs_embeds=None,
        use_cache=True, **kwargs,
    ):  # fmt: skip
        past = past_key_values.get_seq_length() if past_key_values is not None else 0
        if past > 0 and hasattr(past_key_values, "is_linearize"):
            before = past_key_values.positions
            now = (
                before + input_ids.shape[1] - past
                if attention_mask is None
                else attention_mask.sum(1)
            )
            if self.turns_otherwise(before, now):
                past, past_key_values = 0, None
        inputs = {
            "attention_mask": attention_mask, "past_key_values": past_key_values,
            "use_cache": use_cache,
        }  # fmt: skip
        if inputs_embeds is not None and past == 0:
            inputs["inputs_embeds"] = inputs_embeds
        else:
            # Only what was not read, whatever part of the text the ids are.
            length = input_ids.shape[1] if attention_mask is None else attention_mask.shape[1]
            inputs["input_ids"] = input_ids[:, -(length - past) :]
        return inputs

    def _reorder_cache(self, past_key_values, beam_idx):
        return past_key_values.reorder_cache(beam_idx)
