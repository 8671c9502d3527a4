// modelfile reads {"template", "requests": [{"System", "Tools", "Messages"}]} and prints what Go's
// text/template makes of each request, as a JSON list. Types print as those of Ollama's templates do: tools
// and arguments as JSON without spaces, in which Go escapes three characters; functions do not.
package main

import (
	"encoding/json"
	"os"
	"strings"
	"text/template"
)

func compact(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(text)
}

type Arguments map[string]any

func (a Arguments) String() string { return compact(map[string]any(a)) }

type Function struct {
	Name        string          `json:"name"`
	Description string          `json:"description"`
	Parameters  json.RawMessage `json:"parameters"`
}

type Tool struct {
	Type     string   `json:"type"`
	Function Function `json:"function"`
}

func (t Tool) String() string { return compact(t) }

type Call struct {
	Function struct {
		Name      string
		Arguments Arguments
	}
}

type Message struct {
	Role, Content string
	ToolCalls     []Call
}

type Request struct {
	System   string
	Tools    []Tool
	Messages []Message
}

func main() {
	var input struct {
		Template string
		Requests []Request
	}
	if err := json.NewDecoder(os.Stdin).Decode(&input); err != nil {
		panic(err)
	}
	parsed := template.Must(template.New("TEMPLATE").Funcs(template.FuncMap{"json": compact}).Parse(input.Template))
	var texts []string
	for _, request := range input.Requests {
		var text strings.Builder
		if err := parsed.Execute(&text, request); err != nil {
			panic(err)
		}
		texts = append(texts, text.String())
	}
	json.NewEncoder(os.Stdout).Encode(texts)
}
