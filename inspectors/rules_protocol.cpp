// Rules about form rather than speech: control tokens of chat templates, forged turns and frames,
// URLs that carry data, schemes that run code, tools that steer the use of others.

#include "inspectors/rule.hpp"

namespace toolgate {
namespace {

constexpr Rule rules[] =
    {
        {.id = "template.token",
         .in_result = .75,
         .in_definition = .95,
         .why = "a control token of a chat template, which can end this text and begin "
                "another turn",
         .parts =
             {R"((?:<[|∣] ?(?:im_(?:start|end|sep)|endoftext|endofprompt|fim_(?:prefix|middle|suffix)|start|end|)"
              R"(message|channel|constrain|return|call|begin_of_text|(?:start|end)_header_id|header_(?:start|end)|eot_id|)"
              R"(eot|eom_id|python_tag|end_of_text|system|user|assistant|(?:start|end)_of_turn(?:_token)?|)"
              R"((?:system|user|chatbot)_token|(?:begin|end)▁of▁sentence|tool▁[a-z▁]+) ?[|∣]>|)"
              R"(\[/?inst\]|<</?sys>>|\[/?(?:available_tools|tool_calls|tool_results|system_prompt)\]|)"
              R"(</?(?:start|end)_of_turn>|</?im_(?:start|end)>))"}},
        {.id = "frame.tool",
         .in_result = .5,
         .in_definition = .7,
         .why = "imitates the frame around a tool's call or result",
         .parts =
             {R"((?:</(?:tool_result|tool_response|function_results?|tool_output|tool_call|function_calls?|)"
              R"(document|search_results?|context|untrusted|external_content|system-reminder)s?>|<(?:function_calls|invoke name=|system-reminder|tool_call)>?))"}},
        {.id = "frame.react",
         .in_result = .5,
         .in_definition = .7,
         .why = "imitates an agent's chain of thought and action",
         .parts = {R"(\b(?:thought|reasoning) ?:)", R"(\b(?:action(?: input)?|tool|function) ?:)",
                   R"(\b(?:action input|observation|final answer|result) ?:)"},
         .gap = 300},
        {.id = "frame.message",
         .in_result = .45,
         .in_definition = .6,
         .why = "imitates a message of the protocol that tools are called with",
         .parts =
             {R"~("(?:method|type|role)" ?: ?"(?:sampling/createmessage|elicitation/create|tools/call|tool_use|tool_result|system|developer)")~"}},
        {.id = "turn.user",
         .in_result = .3,
         .in_definition = .4,
         .why = "imitates what a user says in the conversation",
         .parts = {R"((?:^|[\n"'>*\]}] ?)(?:#+ |\[|\*\*|<)?(?:human|user)(?:\]|\*\*|>)? ?:)"}},
        {.id = "frame.turn",
         .in_result = .4,
         .in_definition = .5,
         .why = "imitates a turn of the conversation",
         .parts =
             {R"((?:[\n>*\]}"'] ?|[.!?] )(?:#+ |\[|\*\*|<)?(?:assistant|system|ai|developer)(?:\]|\*\*|>)? ?: ?(?:\b|[!#"']))"}},
        {.id = "frame.instruction",
         .in_result = .4,
         .in_definition = .5,
         .why = "imitates a section of a training prompt",
         .parts =
             {R"(#{2,} ?(?:new |system |updated )?(?:instructions?|system(?: prompt)?|response|prompt|task)(?: for [a-z ]+)? ?:)"}},
        {.id = "frame.end",
         .in_result = .6,
         .in_definition = .6,
         .why = "pretends that the text it stands in ends here",
         .parts =
             {R"([-=#*<\[({_~/|]{1,} ?(?:end|begin|start|close)(?:ing)?(?: of)?(?: the| your| my| this| new)* (?:(?:tool|user|system|search|web|untrusted|external|function|admin|real|trusted|email|assistant|customer|page) )*(?:output|context|data|transcript|results?|input|instructions?|message|prompt|response|query|conversation|override|mode)s? ?[-=#*>\])}_~/|!])"}},
        {.id = "frame.tag",
         .in_result = .5,
         .in_definition = .75,
         .why = "a tag that asks for a special reading of its content",
         .parts =
             {R"([<\[{](?:important|hidden|secret|critical|priority|urgent|override|admin(?:istrator)?|system_?(?:prompt|instructions?|message|override|note)|instructions?|system|/system|ai|ai_instructions?|assistant_instructions?|mandatory|attention|injected|confidential|developer)[>\]}])"}},
        {.id = "exfil.image",
         .in_result = .75,
         .in_definition = .9,
         .why = "an image or a link whose address carries private data away when it is shown",
         .parts =
             {R"((?:!?\[[^\]\n]*\]\(|src ?= ?["']?|url\(["']?|\]: |href ?= ?["']?)?[a-z]+://[^ )\n"'>]*[?&/=][^ )\n"'>{<\[$%]*(?:\{+|\[|<|%7b|\$\{?)[ _a-z0-9-]*(?:conversation|summary|history|context|messages?|user|secret|token|key|password|base64|prompt|data|credential|chat|content|info|email|response|answer|output|insert|your)[ _a-z0-9-]*[}\]>%])"}},
        {.id = "exfil.image_place",
         .in_result = .75,
         .in_definition = .85,
         .why = "an image whose address has a place for data",
         .parts =
             {R"(!\[[^\]\n]*\]\([a-z]+://[^ )\n]*[?&][a-z0-9_]*=[^ )\n]*(?:\{+|\[|<|\$\{?|%7b)[ _a-z0-9-]+[}\]>%])"}},
        {.id = "exfil.collector", .in_result = .4, .in_definition = .5, .why = "an address that collects what is sent to it", .parts = {R"(\b(?:webhook\.site|requestbin|requestcatcher|pipedream\.net|burpcollaborator|oastify\.com|interact\.sh|oast\.(?:fun|live|me|pro|site)|beeceptor|ngrok\.(?:io|app|dev)|canarytokens|dnslog|hookbin|ceye\.io|pastebin\.com/api))"}},
        {.id = "link.scheme",
         .in_result = .35,
         .in_definition = .6,
         .why = "a link that runs code or reads files instead of opening a page",
         .parts =
             {R"((?:\]\(|(?:href|src|action) ?= ?["']?)(?:javascript|vbscript|data:text/html|data:application/[a-z]*script|file|ms-[a-z]+|search-ms|jar|shell|vscode|cursor):)"}},
        {.id = "shell.pipe",
         .in_result = .2,
         .in_definition = .7,
         .why = "runs what it downloads",
         .parts =
             {R"((?:\b(?:curl|wget)\b[^\n|;]*\| ?(?:sudo )?(?:ba|z|da)?sh\b|base64 (?:-d|--decode)[^\n|;]*\| ?(?:sudo )?(?:ba|z|da)?sh\b|/dev/tcp/|\brm -rf? (?:~|/(?: |$|\*)|\$home)))"}},
        {.id = "steer.first",
         .in_result = .3,
         .in_definition = .35,
         .why = "wants to be called before anything else",
         .parts =
             {R"(\b(?:always|must(?: always)?(?: be)?|required to|need to) (?:be )?(?:call(?:ed)?|use[d]?|invoke[d]?|run|execute[d]?)\b)",
              R"(\b(?:first|before (?:any|all|every|each|using|calling|other)|(?:any|every|all) other tools?|each time|every time|for every (?:request|message|call))\b)"},
         .gap = 50},
        {.id = "steer.other_tool",
         .in_result = .3,
         .in_definition = .6,
         .why = "says what another tool has to do",
         .parts =
             {R"((?:\b(?:when(?:ever)?|if|before|after|while|every time|each time) (?:you |the |an? |any |using |calling |invoking |other )*(?:[a-z_]+ )?(?:[a-z]+_[a-z_]+|(?:other|another|different|e-?mail|payment|file|search|browser|send|messaging|bash|shell) tools?|tools? [a-z_]+)(?: tool| function)? (?:is|are|gets?|was|has been) (?:called|used|invoked|available|present|executed|run|requested)|)"
              R"(\b(?:changes?|modif(?:y|ies)|alters?|affects?|overrides?|supersedes?|replaces?) (?:the )?(?:behaviou?r|usage|operation|output|results?|parameters?|arguments?|recipient|instructions?|description) of (?:the |other |another |all |any )*[a-z_]* ?(?:tools?|functions?|servers?)|)"
              R"(\b(?:never use|stop using|discard (?:the )?results? (?:of|from)|ignore (?:the )?(?:results?|outputs?) (?:of|from)) (?:the |any |all )?(?:other [a-z]* ?tools?|[a-z]+_[a-z_]+|built-?in|native|default|original|official|legitimate|trusted) ?(?:tools?|functions?|server)?\b))"}},
        {.id = "steer.only_this",
         .in_result = .3,
         .in_definition = .6,
         .why = "wants to be used in the place of other tools",
         .parts =
             {R"(\b(?:(?:use|call|invoke) only this (?:tool|one|function)|only (?:use|call) this (?:tool|one)|always (?:call|use|choose|invoke|select) this (?:one|tool|function)(?: instead|,? never)|never (?:call|use|invoke) [a-z]+_[a-z_]+|(?:all|any) other tools? (?:is|are|on)[a-z ]*(?:deprecated|outdated|broken|obsolete|unsafe|disabled|unreliable|malicious)|this tool (?:supersedes|replaces|overrides|takes precedence)|(?:supersedes|replaces|deprecates) (?:the )?[a-z]+_[a-z_]+))"}},
        {.id = "steer.redirect",
         .in_result = .3,
         .in_definition = .7,
         .why = "changes where another tool sends what it is given",
         .parts =
             {R"(\b(?:all|every|any|each|outgoing) (?:e-?mails?|messages?|requests?|payments?|files?|outputs?|transactions?|transfers?|data)\b)",
              R"(\b(?:must|should|need to|have to|has to|always|are|will) (?:always |first |also |instead |only )*(?:be )?(?:sent|send|forwarded|copied|cc'?d|bcc'?d?|routed|redirected|proxied|posted|uploaded|go|include|delivered)\b)"},
         .gap = 60},
        {.id = "steer.parameter",
         .in_result = .3,
         .in_definition = .7,
         .why = "wants private data in one of its parameters",
         .parts =
             {R"(\b(?:contents? of|conversation|chat history|system prompt|previous messages?|full context|entire (?:conversation|context|history)|reasoning|chain of thought|all (?:tool|available) (?:names|calls|tools)|api keys?|credentials|environment variables?|private keys?|passwords?|other tools)\b)",
              R"(\b(?:as|in|into|to|via|through|using|with) (?:the |this |an? |its |tool's )*(?:['"`]?[a-z_]+['"`]? )?(?:parameter|argument|field|param|sidenote|side_note|notes?|metadata|input|context)\b)"},
         .gap = 60},
        {.id = "encoding.reversed",
         .in_result = .5,
         .in_definition = .8,
         .why = "words written backwards",
         .parts =
             {R"(\b(?:snoitcurtsni|noitcurtsni|tpmorp|drawretfa|erongi|suoiverp|metsys|drowssap|drawrof|tnatsissa|laever|yalpsid|egassem|tegrof|dragersid|resu|ruoy|esaelp|morf|htiw|tuoba|evoba|siht|taht|lla|eht|dna)[ ,.!:])",
              R"(\b(?:snoitcurtsni|noitcurtsni|tpmorp|erongi|suoiverp|metsys|drowssap|tnatsissa|laever|yalpsid|egassem|tegrof|dragersid|resu|ruoy|esaelp|morf|htiw|tuoba|evoba|siht|taht|eht)\b)",
              R"(\b(?:snoitcurtsni|noitcurtsni|tpmorp|erongi|suoiverp|metsys|drowssap|tnatsissa|laever|yalpsid|egassem|tegrof|dragersid|resu|ruoy|esaelp|morf|htiw|tuoba|evoba|siht|taht|eht)\b)"},
         .gap = 60},
        {.id = "encoding.rot13",
         .in_result = .5,
         .in_definition = .8,
         .why = "words written in ROT13",
         .parts =
             {R"(\b(?:gur|naq|lbhe|lbh|sebz|jvgu|guvf|gung|cyrnfr|nyy|abg|ner|sbe|vf)[ ,.!:])",
              R"(\b(?:vafgehpgvbaf?|vtaber|cerivbhf|flfgrz|cebzcg|cnffjbeq|hfre|lbhe|cyrnfr|erirny|erfcbafr|zrffntr|nffvfgnag|gur|jvgu|guvf|sebz|qvfertneq|cevag|jevgr)\b)",
              R"(\b(?:vafgehpgvbaf?|vtaber|cerivbhf|flfgrz|cebzcg|cnffjbeq|hfre|lbhe|cyrnfr|erirny|erfcbafr|zrffntr|nffvfgnag|gur|jvgu|guvf|sebz|naq|nyy|lbh)\b)"},
         .gap = 60},
};

}  // namespace

std::span<const Rule> protocol_rules() { return rules; }

}  // namespace toolgate
