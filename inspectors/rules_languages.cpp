// The same ways of speaking in other languages. The normal form has taken the marks off Latin
// letters, so these words stand here without them; other scripts stand as they are, in lower case.

#include "inspectors/rule.hpp"

namespace toolgate {
namespace {

constexpr Rule rules[] =
    {
        {.id = "override.latin_languages",
         .in_result = .7,
         .in_definition = .92,
         .why = "tells its reader to drop the instructions that it was given",
         .parts =
             {R"(\b(?:ignora|ignorad|ignore[nz]?|ignorez|ignorar|olvida|olvide|haz caso omiso|no hagas caso|omite|descarta|desestima|)"
              R"(oublie[zr]?|ne (?:tiens|tenez) (?:pas |plus )?compte|ne (?:suis|suivez) (?:pas|plus)|)"
              R"(ignoriere?[nt]?|vergiss|vergesst|vergessen sie|missachte[nt]?|beachte nicht|befolge nicht|verwirf|)"
              R"(dimentica(?:te)?|ignorate|trascura|non seguire|esquec?[ae]|desconsidere|desconsidera|descarte|)"
              R"(negeer|vergeet|zignoruj(?:cie)?|ignoruj(?:te|cie)?|zapomnij|pomin|zapomen(?:te)?|nehled na|)"
              R"(ignora(?:ti)?|uita(?:ti)?|ignorera|glom|bortse|ignorer|glem|se bort fra|tilsidesaet|ohita|unohda|jata huomiotta|)"
              R"(abaikan|lupakan|bo qua|quen di|dung quan tam|huwag pansinin|balewalain|kalimutan|ignorisi|zanemari|zaboravi|)"
              R"(figyelmen kivul|felejtsd el|hagyd figyelmen|e'tiborsiz|unuting|ignoreeri|unusta|ignoruok|ignore|zanemarite|oblida|)"
              R"(obliteu|dorecte)\b)",
              R"(\b(?:instrucciones|indicaciones|ordenes|reglas|directrices|instructions|consignes|regles|directives|)"
              R"(anweisung(?:en)?|vorgaben|instruktionen|befehle|regeln|anleitung(?:en)?|istruzioni|indicazioni|regole|direttive|)"
              R"(instrucoes|ordens|regras|orientacoes|diretrizes|instructies|opdrachten|aanwijzingen|regels|)"
              R"(instrukcj[eia]|polecenia?|wytyczne|zasady|pokyny|instrukce|pravidla|instructiunile?|indicatiile|regulile|)"
              R"(instruktioner(?:na)?|anvisningar(?:na)?|reglerna|instruksjoner|instruksjonene|instrukser|instruktionerne|)"
              R"(ohjeet|ohjeita|instruksi|petunjuk|perintah|huong dan|chi dan|chi thi|lenh|mga tagubilin|mga utos|tagubilin|)"
              R"(instrukcije|uputstva|upute|utasitas(?:okat|t)|korabbi|ko'rsatmalar|juhised|instrukcijas|instruccions|indicacions|navodila)\b)"},
         .gap = 50},
        {.id = "override.turkic_order",
         .in_result = .7,
         .in_definition = .92,
         .why = "tells its reader to drop the instructions that it was given",
         .parts =
             {R"(\b(?:talimat(?:lari|lar|i|larin)?|yonerge(?:leri|ler)?|komut(?:lari|lar)?|utasitas(?:okat|t)|ko'rsatmalar(?:ni)?|kurallari|anweisungen|instructies))",
              R"((?:yok say|gormezden gel|goz ardi et|dikkate alma|unut|figyelmen kivul|felejts|e'tiborsiz|ignoriere|negeer)[a-z]*)"},
         .gap = 50},
        {.id = "override.cyrillic_greek",
         .in_result = .7,
         .in_definition = .92,
         .why = "tells its reader to drop the instructions that it was given",
         .parts =
             {R"((?:игнориру|проигнорир|забуд|не обращай|отмени|пренебрег|ігнору|проігнору|забуд|не зважай|)"
              R"(игнорирай|пренебрегни|забрави|игнориши|занемари|заборави|αγνοησ|αγνόησ|αγνοήσ|ξέχασ|ξεχάσ|παράβλεψ))",
              R"((?:инструкци|указани|команд|правил|распоряжени|директив|інструкці|вказівк|наказ|инструкции|упутств|οδηγί|οδηγι|εντολ|κανόν))"},
         .gap = 80},
        {.id = "override.chinese",
         .in_result = .75,
         .in_definition = .92,
         .why = "tells its reader to drop the instructions that it was given",
         .parts =
             {"(?:忽略|无视|忽視|忘记|忘記|忘掉|不要理会|不要理會|抛弃|不再遵守|不要遵守|覆盖)",
              "(?:指令|指示|规则|規則|说明|說明|命令|提示词|提示詞|约束|約束|限制)"},
         .gap = 48},
        {.id = "override.japanese_korean",
         .in_result = .75,
         .in_definition = .92,
         .why = "tells its reader to drop the instructions that it was given",
         .parts = {"(?:指示|指令|ルール|プロンプト|規則|制約|지시|지침|명령|규칙|프롬프트)",
                   "(?:無視|忘れ|破棄|従わない|取り消|무시|잊|따르지|무효)"},
         .gap = 36},
        {.id = "override.south_asia_arabic",
         .in_result = .7,
         .in_definition = .92,
         .why = "tells its reader to drop the instructions that it was given",
         .parts =
             {R"((?:(?:تجاهل|انس|انسى|أهمل|لا تتبع|تجاهلي)[^.]*(?:تعليمات|التعليمات|الأوامر|أوامر|القواعد|توجيهات|التوجيهات)|)"
              R"((?:دستور|دستورالعمل|دستورات|هدایات|ہدایات|احکامات)[^.]*(?:نادیده|فراموش|نظر انداز|نظرانداز|بھول)|)"
              R"((?:निर्देश|अनुदेश|आदेश|नियम)[^.।]*(?:अनदेख|नज़रअंदाज|नजरअंदाज|भूल|उपेक्षा)|)"
              R"((?:নির্দেশ|নির্দেশনা|আদেশ)[^.।]*(?:উপেক্ষা|ভুলে|অগ্রাহ্য)|(?:निर्देशन|निर्देश)[^.।]*(?:बेवास्ता|वेवास्ता)|)"
              R"((?:வழிமுறை|அறிவுறுத்தல்)[^.]*(?:புறக்கணி|மற)|(?:ละเว้น|เพิกเฉย|ไม่สนใจ|ลืม|อย่าสนใจ)[^.]*(?:คำสั่ง|คำแนะนำ)|)"
              R"((?:നിർദ്ദേശ|നിർദേശ)[^.]*(?:അവഗണി|മറക്ക)|(?:ບໍ່ສົນໃຈ|ລືມ|ຢ່າສົນໃຈ)[^.]*(?:ຄໍາສັ່ງ|ຄຳສັ່ງ|ຄຳແນະນຳ|ຄໍາແນະນໍາ)|)"
              R"((?:התעלם|התעלמי|שכח)[^.]*(?:הוראות|ההוראות)))"}},
        {.id = "secrecy.languages",
         .in_result = .55,
         .in_definition = .8,
         .why = "asks its reader to keep something from the user",
         .parts =
             {R"((?:\bno (?:se )?l[eo]s? (?:digas|menciones|cuentes|informes|reveles)|\bno (?:menciones|informes|reveles|avises|digas)\b[^.]*\busuario|)"
              R"(\bne (?:dis|dites|mentionne[zs]?|revele[zs]?|informe[zs]?|parle[zs]?)[^.]*\butilisateur|)"
              R"(\b(?:sag|sage|sagen sie|erwahne|verrate|teile|informiere|erzahle)\b[^.]*\b(?:benutzer|nutzer|anwender)[^.]*\bnicht|)"
              R"(\bnon (?:dire|menzionare|informare|rivelare|dirlo)\b[^.]*\butente|\bnao (?:diga|mencione|informe|revele|conte|avise)\b[^.]*\busuario|)"
              R"(\b(?:vertel|zeg|meld|informeer)\b[^.]*\bgebruiker[^.]*\bniet|\bnie (?:mow|wspominaj|informuj|ujawniaj|powiadamiaj)[^.]*\buzytkownik|)"
              R"(\bneinformuj|\bnerikej|\bnu (?:spune|mentiona|informa|dezvalui)[^.]*\butilizator|\b(?:beratta|sag|namn|informera) (?:inte|ikke)\b|)"
              R"(\bkullaniciya (?:soyleme|bahsetme|bildirme|haber verme)|\b(?:dung|khong) (?:noi|tiet lo|de cap|thong bao)[^.]*\bnguoi dung|\bjangan (?:beri ?tahu|katakan|sebutkan|memberi)[^.]*\bpengguna|)"
              R"((?:не (?:говори|сообщай|упоминай|рассказывай|уведомляй|раскрывай|кажи|повідомляй|згадуй|показывай)[^.]*(?:пользовател|користувач))|)"
              R"((?:不要|别|勿|請勿|请勿|不得)(?:告诉|告訴|通知|提及|透露|提醒|让|向)[^。]*(?:用户|使用者|用戶)|ユーザー[^。]*(?:知らせ|伝え|言わ|教え|通知し|明かさ|報告し)[^。]{0,3}(?:ない|ず)|)"
              R"((?:사용자|유저)[^.。]*(?:알리지|말하지|언급하지|알려주지|공개하지)|(?:لا تخبر|لا تذكر|دون إخبار|لا تُخبر|لا تبلغ)[^.]*المستخدم|)"
              R"((?:उपयोगकर्ता|यूज़र|यूजर)[^.।]*(?:बताए बिना|बिना बताए|न बताएं|मत बताना|न बताएँ|मत बताओ|नहीं बताना|सूचित न)))"}},
        {.id = "address.languages",
         .in_result = .55,
         .in_definition = .6,
         .why = "addresses an assistant that reads it",
         .parts =
             {R"((?:\b(?:nota|mensaje|instruccion(?:es)?|aviso|atencion|importante) (?:importante )?(?:para|a|al)(?: el| la| los| todos)? (?:asistente|ia\b|modelo|agente)|)"
              R"(\b(?:note|message|instructions?|consignes?|attention|avis) (?:importante? )?(?:pour|a|a l'|aux?) ?(?:l')?(?:assistant|ia\b|modele|agent)|)"
              R"(\b(?:hinweis|nachricht|anweisung(?:en)?|achtung|mitteilung) (?:fur|an) (?:den |die |das |alle )?(?:ki\b|ki-|assistent|agent|sprachmodell|modell)|)"
              R"(\b(?:nota|messaggio|istruzion[ei]|avviso|attenzione) (?:per|all'|al|a) ?(?:l'|il )?(?:assistente|ia\b|modello|agente)|)"
              R"(\b(?:nota|mensagem|instruc(?:ao|oes)|aviso|atencao) (?:para|ao|a) (?:o |a )?(?:assistente|ia\b|modelo|agente)|)"
              R"(\b(?:opmerking|bericht|instructie|let op) (?:voor|aan) (?:de |het )?(?:ai\b|ai-|assistent|agent|model)|)"
              R"((?:сообщение|инструкция|инструкции|примечание|внимание|указание|заметка)[^.]*(?:ассистент|помощник|модел|агент|нейросет|ии[ -])|)"
              R"((?:致|给|請|请|对|給)[^。]{0,3}(?:ai|人工智能|智能|语言模型)(?:助手|助理|模型|代理)|(?:ai|智能)(?:助手|助理|模型|代理)(?:请|必须|应|須|需|注意|须知|请注意)|)"
              R"(ai(?:アシスタント|エージェント|モデル)(?:へ|は|宛|向け|に)|アシスタントへの|(?:सहायक|एआई|मॉडल|एजेंट) के लिए (?:सूचना|निर्देश|संदेश|नोट)|ai ?(?:어시스턴트|비서|에이전트|모델)(?:에게|는|를|용|은)|(?:ملاحظة|تعليمات|رسالة|تنبيه)[^.]*(?:المساعد|للمساعد|الذكاء الاصطناعي|النموذج)))"}},
        {.id = "role.languages",
         .in_result = .5,
         .in_definition = .6,
         .why = "gives its reader another role",
         .parts =
             {R"((?:\ba partir de (?:ahora|agora)\b|\bdesormais,? (?:tu|vous|reponds)|\ba partir de maintenant\b|\bab (?:jetzt|sofort)\b|\bvon (?:jetzt|nun) an\b|)"
              R"(\bd'ora in (?:poi|avanti)\b|\bda questo momento\b|\bvanaf nu\b|\bod teraz\b|\bod tej chwili\b|\bod nyni\b|\bod ted\b|\bde acum (?:incolo|inainte)\b|\bfran och med nu\b|\bfra nu af\b|\bfra na av\b|\btasta lahtien\b|)"
              R"(\bbundan sonra\b|\bsu andan itibaren\b|\btu bay gio\b|\bmulai sekarang\b|с этого момента|отныне|теперь ты|відтепер|від цього моменту|从现在(?:起|开始)|從現在(?:起|開始)|你现在是|今から|これからは?|지금부터|이제부터|من الآن|अब से|τωρα και|στο εξής|από τώρα))",
              R"((?:\b(?:eres|seras|responde|debes|actua|es|serai?s|reponds|repondez|dois|bist|antworte|sollst|musst|sei|sei|rispondi|devi|voce|e um|deve|responda|je bent|moet|antwoord|jestes|odpowiadaj|musisz|jsi|odpovidej|musis|esti|raspunde|trebuie|ar du|svara|maste|du er|svar|olet|vastaa|sen|sensin|cevap|ban la|hay|tra loi|anda|kamu|jawab)\b|ты|вы|отвеча|должен|ти|відповідай|你|您|回答|あなた|答え|してください|당신|너는|답|أنت|أجب|आप|तुम|είσαι))"},
         .gap = 40},
};

}  // namespace

std::span<const Rule> language_rules() { return rules; }

}  // namespace toolgate
