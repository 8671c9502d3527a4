"""llama.cpp's own grammars as an oracle: does one let a text through, token by token, to its end?"""
import ctypes
import math


class TokenData(ctypes.Structure):
    _fields_ = [("id", ctypes.c_int32), ("logit", ctypes.c_float), ("p", ctypes.c_float)]


class TokenDataArray(ctypes.Structure):
    _fields_ = [("data", ctypes.POINTER(TokenData)), ("size", ctypes.c_size_t),
                ("selected", ctypes.c_int64), ("sorted", ctypes.c_bool)]


class Vocabulary:
    """Tokens of a GGUF file, and grammars over them."""

    def __init__(self, llamart, path):
        self.model = llamart.Model(path, vocab_only=True)
        self.library, self.errors = llamart.L, llamart.LOG
        pointer = ctypes.c_void_p
        for name, result, *arguments in (
                ("llama_sampler_init_grammar", pointer, pointer, ctypes.c_char_p, ctypes.c_char_p),
                ("llama_sampler_clone", pointer, pointer),
                ("llama_sampler_apply", None, pointer, ctypes.POINTER(TokenDataArray)),
                ("llama_sampler_accept", None, pointer, ctypes.c_int32),
                ("llama_sampler_free", None, pointer), ("llama_vocab_eos", ctypes.c_int32, pointer)):
            function = getattr(self.library, name)
            function.restype, function.argtypes = result, arguments
        self.end = self.library.llama_vocab_eos(self.model.vocab)

    def grammar(self, text):
        """None if llama.cpp cannot read it; .errors says why."""
        self.errors.clear()
        sampler = self.library.llama_sampler_init_grammar(self.model.vocab, text.encode(), b"root")
        return Grammar(self, sampler) if sampler else None


class Grammar:
    def __init__(self, vocabulary, sampler):
        self.vocabulary, self.sampler = vocabulary, sampler

    def __del__(self):
        self.vocabulary.library.llama_sampler_free(self.sampler)

    def read(self, text):
        """How much of the text it lets through; len(text) + 1 if it may end there, too."""
        library = self.vocabulary.library
        sampler = library.llama_sampler_clone(self.sampler)

        def allows(token):
            data = TokenData(token, 0.0, 0.0)
            array = TokenDataArray(ctypes.pointer(data), 1, -1, False)
            library.llama_sampler_apply(sampler, ctypes.byref(array))
            return not math.isinf(data.logit)

        try:
            done = []
            for token in self.vocabulary.model.tokenize(text):
                if not allows(token):
                    return len(self.vocabulary.model.detokenize(done))
                library.llama_sampler_accept(sampler, token)
                done.append(token)
            return len(text) + allows(self.vocabulary.end)
        finally:
            library.llama_sampler_free(sampler)

    def accepts(self, text):
        return self.read(text) > len(text)
